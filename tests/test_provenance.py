"""Provenance: commit and dirty hash of a real repository, silence without one, threads."""

import git
import pytest

from harness import provenance


@pytest.fixture
def repository(tmp_path):
    with git.Repo.init(tmp_path) as made:
        (tmp_path / "code.py").write_text("a = 1\n")
        made.index.add(["code.py"])
        author = git.Actor("a", "a@example.org")
        made.index.commit("first", author=author, committer=author)
        yield tmp_path, made.head.commit.hexsha


def test_a_clean_tree_has_its_commit_and_no_dirty_hash(repository):
    folder, commit = repository
    assert provenance.git_state(folder) == provenance.Git(commit=commit, dirty_hash=None)


def test_changes_and_new_code_files_change_the_dirty_hash(repository):
    folder, commit = repository
    (folder / "notes.txt").write_text("no code\n")
    assert provenance.git_state(folder).dirty_hash is None
    (folder / "code.py").write_text("a = 2\n")
    edited = provenance.git_state(folder)
    (folder / "new.py").write_text("b = 1\n")
    added = provenance.git_state(folder)
    assert edited.commit == added.commit == commit
    assert edited.dirty_hash and added.dirty_hash and edited.dirty_hash != added.dirty_hash


def test_without_a_checkout_there_is_no_state_even_inside_another(repository):
    folder, _ = repository
    (folder / "inner").mkdir()
    assert provenance.git_state(folder / "inner") is None


def test_without_the_git_program_there_is_no_state(repository, monkeypatch):
    monkeypatch.setattr(git.Git, "GIT_PYTHON_GIT_EXECUTABLE", "no-such-program")
    assert provenance.git_state(repository[0]) is None


def test_the_users_thread_count_is_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert provenance.cpu_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert provenance.cpu_threads() >= 1


def test_versions_name_torch_and_python():
    assert {"python", "torch", "numpy"} <= set(provenance.versions())
