"""What commands refuse where there are no servers: the same in English as ever, and in Chinese without an English word."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

from engine.cli import app, client
from engine.cli.app import run
from engine.cli.definitions.folder import checked
from engine.cli.language import choose
from engine.core.errors import DefinitionError, SopError
from engine.definitions_yaml.shipped import shipped_definitions
from engine.store.database import DatabaseUnavailable
from tests.support.chinese import english_words

FOLDER = str(shipped_definitions())
EVENT = {"source": "crm", "id": "1", "type": "visit", "subject": "C1", "time": "2026-03-02T10:00:00+08:00"}

REFUSED = {
    "init full": "`full` is not empty; name a new folder, nothing was written",
    "init full/file/new": "cannot write to `full/file/new`: Not a directory",
    "validate none": "no folder `none`; name the one that holds engine.yaml, or make one with `sop init none`",
    "schema --write none": "no folder `none`; name the definitions folder",
    "reference stepps": "no page `stepps`; there are: README, engine, segments, sop, moments, conditions, steps, "
    "channels. Did you mean `steps`?",
    "diff full --version 3": "name a folder or --version, not both",
    "apply --plan none.json": "cannot read `none.json`: No such file or directory; write a plan with `sop plan --out none.json`",
    "apply --plan events.ndjson": "`events.ndjson` is no plan of this version; write one with `sop plan --out events.ndjson`",
    "apply --plan half.json": "`half.json` is no whole plan; write one with `sop plan --out half.json`",
    "apply --plan half.json --version 3": "name --plan or --version, not both: the plan knows its version",
    "apply full --plan back.json": "`back.json` plans to go back to generation 3; name no folder",
    "simulate {folder} --events none.ndjson": "no file `none.ndjson`",
    "simulate {folder} --events full": "cannot read `full`: Is a directory",
    "simulate {folder} --events events.ndjson --until 2026-03-01": "--until 2026-03-01 is not after the beginning, 2026-03-02T02:00+00:00",
    "simulate {folder} --events events.ndjson --until soon": "`soon` is no time; write 7d, 2h, 30m, "
    "or 2026-03-01, or 2026-03-01T10:00:00+08:00",
    "simulate {folder} --events events.ndjson --customer-ref C2": "no event of this file names the customer `C2`. Did you mean `C1`?",
    "simulate {folder} --events events.ndjson --days 3 -o none/x": "cannot write `none/x`: No such file or directory",
    "event visit C1 tag": "`tag` is not KEY=VALUE; write e.g. tag=装修意向",
    "event visit C1 a=1 a.b=2": "`a.b=2`: `a` has a value already, so nothing can stand below it",
    "event visit C1": "no API key: SOP_API_KEY is not set and state/admin.key cannot be read (No such file or directory); "
    "make one with `sop key create cli --scope events:write`",
    "log": "no servers: nothing runs on state, and SOP_DATABASE_URL and SOP_REDIS_URL are not both set; start `sop up`, or set both",
}


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with files that are not what they should be; no servers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("engine.logs.configure", lambda level, process: None)
    for name in ("SOP_DATABASE_URL", "SOP_REDIS_URL", "SOP_API_KEY", "SOP_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SOP_STATE_DIR", "state")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("", "utf-8")
    basis = {"generation": 4, "back_to": 3, "in_force": {}, "planned": {}}
    for name, content in {
        "events.ndjson": EVENT,
        "half.json": {"format": "sop-plan/1"},
        "back.json": {"format": "sop-plan/1", "folder": None, "plan": {"basis": basis}},
    }.items():
        (tmp_path / name).write_text(json.dumps(content) + "\n", "utf-8")
    return tmp_path


def told(line: str, language: str, capsys: pytest.CaptureFixture[str]) -> str:
    given = [each.format(folder=FOLDER) for each in line.split()]
    assert run([*given, "--lang", language]) == 1
    return capsys.readouterr().err


@pytest.mark.parametrize(("line", "said"), REFUSED.items(), ids=REFUSED)
def test_a_refusal_is_told_in_both_languages(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(line, "en", capsys) == f"sop: {said}\n"
    chinese = told(line, "zh", capsys)
    assert chinese.startswith("sop: ")
    assert english_words(chinese, frozenset({"sop", "state", "full", "soon"})) == []


def answering(status: int, text: str) -> object:
    return lambda *arguments, **settings: httpx2.Response(status, text=text)


def failing(error: Exception) -> object:
    def fail(*arguments: object, **settings: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("answer", "english", "chinese"),
    [
        (answering(200, "<html>"), "what answers at http://127.0.0.1:8000 is not this engine's API (status 200); check SOP_API_URL", "在"),
        (answering(500, "{}"), "status 500", "状态码 500"),
        (failing(httpx2.ReadTimeout("slow")), "the API at http://127.0.0.1:8000 did not answer in time; whether event x was", "http"),
        (failing(httpx2.ConnectError("no way")), "the API does not answer at http://127.0.0.1:8000 (no way); start `sop up`", "API 在"),
    ],
)  # fmt: skip
def test_what_an_api_answers_that_is_none(
    answer: object, english: str, chinese: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOP_API_KEY", "sop_x")
    monkeypatch.setattr(httpx2, "post", answer)
    assert told("event visit C1 --id x", "en", capsys).startswith(f"sop: {english}")
    said = told("event visit C1 --id x", "zh", capsys)
    assert said.startswith(f"sop: {chinese}")
    assert english_words(said, frozenset({"sop"})) == []


def test_the_api_is_asked_to_answer_in_the_readers_language(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def post(url: str, *, headers: dict[str, str], **settings: object) -> httpx2.Response:
        asked.append(headers["Accept-Language"])
        return httpx2.Response(202, json={"accepted": 1})

    monkeypatch.setenv("SOP_API_KEY", "sop_x")
    monkeypatch.setattr(httpx2, "post", post)
    assert [run(["event", "visit", "C1", "--lang", each]) for each in ("zh", "en")] == [0, 0]
    assert asked == ["zh", "en"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [(answering(503, ""), "API 在 http://127.0.0.1:8000 应答 503"),
     (failing(httpx2.ConnectError("x")), "API 在 http://127.0.0.1:8000 没有应答：`x`")],
)  # fmt: skip
def test_the_health_of_an_api(
    answer: object, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(httpx2, "get", answer)
    assert told("health api", "zh", capsys) == f"sop: {said}\n"
    assert told("health api", "en", capsys).startswith("sop: api ")


def test_the_doctor_says_that_there_are_no_servers(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 1
    assert capsys.readouterr() == (
        "error\tservers\tno servers: nothing runs on state, and SOP_DATABASE_URL and SOP_REDIS_URL are not both set\t"
        "start `sop up`, or set both\n",
        "1 wrong, 0 to look at\n",
    )
    assert run(["doctor", "--lang", "zh"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("error\t服务器\t没有服务器：")
    assert err == "1 处错误，0 处需要留意\n"
    assert run(["doctor", "--lang", "zh", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["level"], found["about"]) == ("error", "服务器")


def test_what_validate_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", FOLDER]) == 0
    english = capsys.readouterr().err
    assert "SOPs are fine, 0 errors, 0 warnings\n" in english
    assert run(["validate", FOLDER, "--lang", "zh"]) == 0
    number = english.split(": ")[1].split()[0]
    assert capsys.readouterr().err == f"{FOLDER}：{number} 个 SOP 没有问题，0 处错误，0 处警告\n"


@pytest.mark.parametrize(
    ("language", "said"), [("en", "1 event cannot be taken"), ("zh", "没有模拟，1 个事件无法接收：")]
)
def test_one_bad_event(language: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "events.ndjson").write_text('{"source": "crm"}\n', "utf-8")
    assert said in told("simulate {folder} --events events.ndjson", language, capsys)


def test_init_says_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "new", "--lang", "zh"]) == 0
    assert capsys.readouterr().err == "编辑后运行 `sop validate new` 和 `sop apply new`。\n"


def test_errors_of_definitions_come_with_what_to_do(folder: Path) -> None:
    with pytest.raises(DefinitionError, match=r"engine\.yaml is missing"):
        checked(folder / "full")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DatabaseUnavailable(), "连不上数据库；没有改变任何内容。检查 SOP_DATABASE_URL，并确认 PostgreSQL 在运行。"),
        (ValueError("odd\nsecond"), "ValueError：`odd`（`sop --debug …` 显示出处）"),
    ],
)
def test_what_goes_wrong_below_is_said(error: Exception, said: str) -> None:
    choose([], {"SOP_LANG": "zh"})
    assert app.said(error) == said


def test_the_databases_own_words_follow_what_it_means() -> None:
    class Cause(Exception):
        orig = "connection refused\nsecond line"

    error = DatabaseUnavailable()
    error.__cause__ = Cause()
    assert app.said(error).endswith("that PostgreSQL runs. (connection refused)")
    choose([], {"SOP_LANG": "zh"})
    assert app.said(error).endswith("在运行。（`connection refused`）")


def test_a_key_file_that_may_not_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object, **settings: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(SopError, match=r"cannot be read \(Permission denied\)"):
        client.key(client.Settings())
