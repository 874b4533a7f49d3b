"""A packet's page in a browser: by mouse, by keyboard, on a phone, closed midway, printed, and sent to the server."""

import json
import socket
import threading
import time

import pytest
from small_study import packet_of

from harness.study import serve
from harness.study.answers import parsed, problem, read
from harness.study.design import Task

INSIDE = ("file:", "data:", "blob:")
SIDES = (("ArrowLeft", "left"), ("r", "right"))
YES_OR_NO = (("n", "no"), ("ArrowRight", "yes"))
PHONE = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1280, "height": 900}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return packet_of(tmp_path_factory.mktemp("study"), participants=3, images=4)


class Person:
    """A participant at the page: what was asked of the network and what went wrong is kept in `trouble`."""

    def __init__(self, context, address):
        self.page = context.new_page()
        self.trouble = []
        self.page.on("console", lambda message: self.trouble.append(message.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("request", self._asked)
        self.page.goto(address)
        self.page.wait_for_selector("main section:not([hidden])")

    def _asked(self, request):
        if not request.url.startswith(INSIDE):
            self.trouble.append(request.url)

    def begin(self):
        assert self.page.locator("#begin").is_disabled(), "not before consent"
        self.page.check("#agree")
        self.page.click("#begin")

    def shown(self, part):
        return self.page.locator(f"#{part}").is_visible()

    def go_on(self):
        if self.shown("intro"):
            self.page.click("#go")

    def count(self):
        return int(self.page.locator("#count").inner_text().split()[0])

    def saved(self, folder):
        with self.page.expect_download() as download:
            self.page.click("#save")
        path = folder / download.value.suggested_filename
        download.value.save_as(path)
        return path


def until(true, seconds=30):
    """Wait for it; the page's policy forbids a driver to do so inside."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def context(browser, request):
    found = browser.new_context(**getattr(request, "param", DESK), offline=True)
    yield found
    found.close()


def address(made, place=0):
    packet, key = made
    return (packet / "pages" / f"{key.participants[place].code}.html").as_uri()


def questions(made, place=0):
    return made[1].participants[place].questions


@pytest.mark.parametrize("context", [DESK, PHONE], indirect=True, ids=["desk", "phone"])
def test_a_page_is_answered_by_mouse_or_touch_and_the_file_counts(made, context, tmp_path):
    person = Person(context, address(made))
    person.begin()
    wide = person.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    for question in questions(made):
        person.go_on()
        wanted = "yes" if question.task is not Task.AUTHENTICITY else "left"
        person.page.click(f'#answers button[data-answer="{wanted}"]')
    path = person.saved(tmp_path)
    answers = parsed(path.read_bytes())
    assert problem(answers, made[1].participants[0]) is None
    assert [it.id for it in answers.answers] == [it.id for it in questions(made)]
    assert {it.answer for it in answers.answers} == {"yes", "left"}
    assert answers.started < answers.finished and all(it.ms >= 0 for it in answers.answers)
    assert person.trouble == [] and not wide, "nothing is asked of a network; nothing is wider than the screen"


def test_a_page_is_answered_by_keyboard_alone(made, context, tmp_path):
    person = Person(context, address(made))
    keys = person.page.keyboard
    person.page.focus("#agree")
    keys.press("Space")
    keys.press("Tab")
    keys.press("Enter")
    given = []
    for number, question in enumerate(questions(made)):
        if person.shown("intro"):
            keys.press("Tab")
            keys.press("Enter")
        ways = SIDES if question.task is Task.AUTHENTICITY else YES_OR_NO
        key, answer = ways[number % 2]
        keys.press(key)
        given.append(answer)
    assert person.shown("end")
    answers = parsed(person.saved(tmp_path).read_bytes())
    assert [it.answer for it in answers.answers] == given and person.trouble == []


def test_a_page_closed_midway_goes_on_where_it_was(made, context, tmp_path):
    person = Person(context, address(made))
    person.begin()
    for _ in range(6):
        person.go_on()
        person.page.keyboard.press("ArrowLeft")
    person.page.close()
    again = Person(context, address(made))
    assert again.count() == 7 and not again.shown("consent")
    for _ in questions(made)[6:]:
        again.go_on()
        again.page.keyboard.press("ArrowRight")
    answers = parsed(again.saved(tmp_path).read_bytes())
    assert len(answers.answers) == len(questions(made))
    assert {it.answer for it in answers.answers[:6]} <= {"no", "left"}
    assert {it.answer for it in answers.answers[6:]} <= {"yes", "right"}


def test_another_participants_page_does_not_see_the_answers(made, context):
    person = Person(context, address(made))
    person.begin()
    person.go_on()
    person.page.keyboard.press("y")
    other = Person(context, address(made, 1))
    assert other.shown("consent")


def test_an_answer_is_changed_by_going_back(made, context, tmp_path):
    person = Person(context, address(made))
    person.begin()
    person.go_on()
    person.page.keyboard.press("y")
    person.page.keyboard.press("Backspace")
    assert person.count() == 1
    assert person.page.locator("#answers button.given").inner_text() == "Yes"
    person.page.keyboard.press("n")
    for _ in questions(made)[1:]:
        person.go_on()
        person.page.keyboard.press("ArrowRight")
    assert parsed(person.saved(tmp_path).read_bytes()).answers[0].answer == "no"


def test_pictures_are_those_of_the_question_and_say_nothing_of_themselves(made, context):
    person = Person(context, address(made))
    person.begin()
    for question in questions(made):
        person.go_on()
        pictures = person.page.locator("#pictures img")
        assert pictures.count() == (1 if question.task is Task.SHARPNESS else 2)
        assert {it.get_attribute("alt") for it in pictures.all()} <= {"picture", "left picture", "right picture"}
        widths = {it.evaluate("image => image.naturalWidth") for it in pictures.all()}
        assert widths == {24}
        person.page.keyboard.press("ArrowLeft")


def test_the_printed_page_numbers_every_question(made, context):
    person = Person(context, address(made))
    person.page.evaluate("window.print = () => { window.printed = true; }")
    person.page.click("#print")
    until(lambda: person.page.evaluate("window.printed"))
    person.page.emulate_media(media="print")
    items = person.page.locator("#paper .item")
    assert items.count() == len(questions(made)) and items.last.is_visible()
    assert items.nth(2).inner_text().startswith("3. ")
    assert not person.shown("consent")
    code = made[1].participants[0].code
    assert person.page.locator("#paper > p").inner_text() == f"Sheet {code}", "which sheet goes with the paper"


def test_a_served_page_sends_its_answers(made, browser, tmp_path):
    uvicorn = pytest.importorskip("uvicorn")
    packet, key = made
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    application = serve.app(packet, tmp_path / "answers")
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    context = browser.new_context(**DESK)
    try:
        person = Person(context, f"http://127.0.0.1:{port}/{key.participants[2].code}")
        person.begin()
        for question in questions(made, 2):
            person.go_on()
            expected = {"yes": "y", "no": "n", "left": "l", "right": "r"}[
                question.expected or ("left" if question.fake else "no")
            ]
            person.page.keyboard.press(expected)
        person.page.click("#send")
        until(lambda: person.page.locator("#sent").inner_text().startswith("Sent."))
    finally:
        context.close()
        server.should_exit = True
        thread.join(timeout=10)
    (path,) = (tmp_path / "answers").iterdir()
    assert json.loads(path.read_text())["participant"] == key.participants[2].code
    assert not read(key, tmp_path / "answers").refused
