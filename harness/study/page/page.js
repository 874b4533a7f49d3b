"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const page = document.body.dataset.page;
  const place = `study ${data.participant} ${page}`;
  const WORDS = { yes: "Yes", no: "No", left: "Left", right: "Right" };
  const KEYS = { yes: ["y", "ArrowRight"], no: ["n", "ArrowLeft"], left: ["l", "ArrowLeft"], right: ["r", "ArrowRight"] };

  // ---- what is to be asked, one after another, and what was answered

  const all = data.tasks.flatMap((task) => task.questions.map(([id, images]) => ({ task, id, images })));
  let state = { started: null, finished: null, at: 0, introduced: null, answers: {} };
  let shownAt = 0;

  const keep = () => {
    try {
      localStorage.setItem(place, JSON.stringify(state));
    } catch {
      byId("saving").hidden = false;
    }
  };
  const recall = () => {
    try {
      const kept = JSON.parse(localStorage.getItem(place));
      if (kept && kept.answers) state = kept;
    } catch {
      byId("saving").hidden = false;
    }
  };

  // ---- one part of the page at a time

  const show = (name) => {
    for (const part of ["consent", "intro", "ask", "end"]) byId(part).hidden = part !== name;
    byId("progress").hidden = name === "consent";
  };
  const paragraphs = (element, texts) => {
    element.replaceChildren(...texts.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  };
  const picture = (image) => Object.assign(new Image(), { src: data.images[image], alt: "" });

  const step = () => {
    byId("bar").value = state.at / all.length;
    byId("count").textContent = `${Math.min(state.at + 1, all.length)} of ${all.length}`;
    if (state.started === null) return show("consent");
    if (state.at >= all.length) return finish();
    const { task } = all[state.at];
    if (state.introduced !== task.name) {
      byId("intro-heading").textContent = task.heading;
      paragraphs(byId("intro-text"), task.instructions);
      show("intro");
      byId("intro-heading").focus();
      return undefined;
    }
    return ask();
  };

  const ask = () => {
    const { task, id, images } = all[state.at];
    byId("question").textContent = task.question;
    const shown = images.map(picture);
    if (shown.length === 2) ["left picture", "right picture"].forEach((alt, at) => { shown[at].alt = alt; });
    else shown[0].alt = "picture";
    byId("pictures").replaceChildren(...shown);
    const order = task.answers.includes("yes") ? ["no", "yes"] : ["left", "right"];
    byId("answers").replaceChildren(...order.map((answer) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: WORDS[answer] });
      button.dataset.answer = answer;
      if (state.answers[id] && state.answers[id].answer === answer) button.classList.add("given");
      button.addEventListener("click", () => give(answer));
      return button;
    }));
    byId("keys").textContent = order.map((answer) => `${WORDS[answer]}: ${KEYS[answer][0].toUpperCase()} or ${
      KEYS[answer][1] === "ArrowLeft" ? "←" : "→"}`).join(" · ") + " · Backspace: one back";
    byId("back").disabled = state.at === 0;
    show("ask");
    shownAt = performance.now();
  };

  const give = (answer) => {
    const { id } = all[state.at];
    const before = state.answers[id];
    // a changed answer took the time of both looks
    const ms = Math.round(performance.now() - shownAt) + (before ? before.ms : 0);
    state.answers[id] = { answer, ms };
    state.at += 1;
    keep();
    step();
  };
  const back = () => {
    if (state.at === 0 || byId("ask").hidden) return;
    state.at -= 1;
    state.introduced = all[state.at].task.name;
    keep();
    step();
  };

  // ---- the end

  const collected = () => JSON.stringify({
    schema: 1,
    participant: data.participant,
    page,
    started: state.started,
    finished: state.finished,
    answers: all.filter(({ id }) => state.answers[id]).map(({ id }) => ({ id, ...state.answers[id] })),
  });
  const finish = () => {
    if (state.finished === null) {
      state.finished = new Date().toISOString();
      keep();
    }
    byId("bar").value = 1;
    paragraphs(byId("thanks"), data.thanks);
    byId("send").hidden = !location.protocol.startsWith("http");
    show("end");
    byId(location.protocol.startsWith("http") ? "send" : "save").focus();
  };
  byId("save").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([collected()], { type: "application/json" }));
    link.download = `answers-${data.participant}.json`;
    link.click();
    byId("sent").textContent = `Saved as ${link.download}.`;
  });
  byId("send").addEventListener("click", async () => {
    byId("sent").textContent = "Sending …";
    try {
      const reply = await fetch(location.pathname, { method: "POST", body: collected() });
      byId("sent").textContent = reply.ok ? "Sent. You may close the page." : `Not taken: ${await reply.text()}`;
    } catch {
      byId("sent").textContent = "Not sent: the other side does not answer. Save the answers and pass the file on.";
    }
  });

  // ---- paper: every question with its pictures, numbered as on the sheet

  byId("print").addEventListener("click", () => {
    const code = Object.assign(document.createElement("p"), { textContent: `Sheet ${data.participant}` });
    byId("paper").replaceChildren(code, ...all.map(({ task, images }, at) => {
      const item = Object.assign(document.createElement("div"), { className: "item" });
      item.append(`${at + 1}. ${task.question}`, document.createElement("br"), ...images.map(picture));
      return item;
    }));
    Promise.all([...byId("paper").querySelectorAll("img")].map((image) => image.decode())).then(() => window.print());
  });

  byId("agree").addEventListener("change", () => { byId("begin").disabled = !byId("agree").checked; });
  byId("begin").addEventListener("click", () => {
    state.started = new Date().toISOString();
    keep();
    step();
  });
  byId("go").addEventListener("click", () => {
    state.introduced = all[state.at].task.name;
    keep();
    step();
  });
  byId("back").addEventListener("click", back);
  document.addEventListener("keydown", (event) => {
    if (byId("ask").hidden || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Backspace") {
      event.preventDefault();
      back();
      return;
    }
    const answer = all[state.at].task.answers.find((name) => KEYS[name].includes(event.key) || KEYS[name].includes(event.key.toLowerCase()));
    if (answer) {
      event.preventDefault();
      give(answer);
    }
  });

  paragraphs(byId("consent-text"), data.consent);
  byId("agree-text").textContent = data.agree;
  recall();
  step();
})();
