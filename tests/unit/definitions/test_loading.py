"""Reading the definitions folder: what is good is carried, what is wrong is said with its place and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.problems import Problem
from engine.definitions_yaml import Loaded, load, load_sources, render_problems
from tests.support.chinese import english_left
from tests.support.examples import CHANNEL_TYPES, ENGINE, FOLDER, TWO_TAGS

TEST_WORDS = ("where", "to")
"""English that the channel of these tests has itself."""


def loaded(sources: dict[str, str]) -> Loaded:
    return load_sources(sources, CHANNEL_TYPES)


def of_lead(old: str, new: str) -> list[Problem]:
    """Return the problems of the folder whose first SOP has `old` replaced by `new`."""
    assert old in TWO_TAGS
    return loaded({**FOLDER, "sops/lead.yaml": TWO_TAGS.replace(old, new, 1)}).problems


def of_engine(old: str, new: str) -> list[Problem]:
    """Return the problems of the folder whose engine.yaml has `old` replaced by `new`."""
    assert old in ENGINE
    return loaded({**FOLDER, "engine.yaml": ENGINE.replace(old, new, 1)}).problems


class TestFolder:
    def write(self, folder: Path, files: dict[str, str]) -> Path:
        (folder / "sops").mkdir()
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        return folder

    def test_everything_good_is_loaded(self, tmp_path: Path) -> None:
        found = load(self.write(tmp_path, FOLDER), CHANNEL_TYPES)
        assert render_problems(found.problems) == ""
        assert found.engine and found.engine.timezone == "Asia/Shanghai"
        assert sorted(found.sops) == ["new-friend", "renovation-lead", "visited"]
        assert found.files["new-friend"] == "sops/friend.yml"
        assert found.sources == FOLDER
        assert found.broken == {}

    def test_stored_texts_load_the_same(self, tmp_path: Path) -> None:
        found = load(self.write(tmp_path, FOLDER), CHANNEL_TYPES)
        assert loaded(found.sources) == found

    def test_one_broken_file_does_not_stop_the_others(self) -> None:
        found = loaded({**FOLDER, "sops/lead.yaml": TWO_TAGS.replace("priority: 50", "priorty: 50")})
        assert found.broken == {"sops/lead.yaml": "renovation-lead"}
        assert sorted(found.sops) == ["new-friend", "visited"]
        assert len(found.errors) == 1, "visited, which names the broken SOP, is not blamed"

    def test_the_id_of_a_file_that_is_not_yaml_is_still_told(self) -> None:
        found = loaded({**FOLDER, "sops/lead.yaml": TWO_TAGS + "\n  ]"})
        assert found.broken == {"sops/lead.yaml": "renovation-lead"}

    def test_a_missing_engine_yaml_says_what_to_run(self, tmp_path: Path) -> None:
        found = load(tmp_path, CHANNEL_TYPES)
        assert render_problems(found.problems).startswith(
            "engine.yaml:1:1: error: engine.yaml is missing; run `sop init`"
        )
        assert found.engine is None

    def test_an_empty_engine_yaml_is_all_defaults(self) -> None:
        assert loaded({"engine.yaml": "# nothing yet\n"}).problems == []

    def test_segments_yaml_is_read_from_the_folder(self, tmp_path: Path) -> None:
        found = load(
            self.write(tmp_path, {**FOLDER, "segments.yaml": "metrics: {spend: {spend: ever}}\n"}), CHANNEL_TYPES
        )
        assert found.problems == [] and found.segments is not None
        assert list(found.segments.metrics) == ["spend"]

    def test_other_files_are_left_alone(self, tmp_path: Path) -> None:
        found = load(self.write(tmp_path, {**FOLDER, "sops/readme.md": ":::", "sops/.x.yaml": ":::"}), CHANNEL_TYPES)
        assert found.problems == []

    def test_a_byte_that_is_not_utf8_is_named_with_its_place(self, tmp_path: Path) -> None:
        folder = self.write(tmp_path, FOLDER)
        (folder / "sops/lead.yaml").write_bytes("sop: renovation-lead\ntitle: 装".encode() + "修".encode("gbk"))
        found = load(folder, CHANNEL_TYPES)
        assert str(found.problems[0]).startswith(
            "sops/lead.yaml:2:9: error: byte 0xD0 is not UTF-8; save the file as UTF-8"
        )
        assert found.broken == {"sops/lead.yaml": "renovation-lead"}

    def test_a_byte_order_mark_is_harmless(self, tmp_path: Path) -> None:
        folder = self.write(tmp_path, FOLDER)
        (folder / "sops/lead.yaml").write_bytes(TWO_TAGS.encode("utf-8-sig"))
        assert load(folder, CHANNEL_TYPES).problems == []

    def test_a_file_over_a_mebibyte_is_refused(self, tmp_path: Path) -> None:
        folder = self.write(tmp_path, {**FOLDER, "sops/lead.yaml": TWO_TAGS + "#" * 1024 * 1024})
        assert "over 1,048,576 bytes (1 MiB); split it" in render_problems(load(folder, CHANNEL_TYPES).problems)
        assert "split it" in loaded({**FOLDER, "sops/a.yaml": "#" * (1024 * 1024 + 1)}).problems[0].message

    def test_a_folder_in_place_of_a_file_is_a_problem(self, tmp_path: Path) -> None:
        folder = self.write(tmp_path, FOLDER)
        (folder / "sops/x.yaml").mkdir()
        assert "cannot be read" in render_problems(load(folder, CHANNEL_TYPES).problems)


class TestRefusedWhileReading:
    @pytest.mark.parametrize(
        ("new", "place", "expected"),
        [
            ("day: &x 1\n", (21, 10), "anchors (`&x`) are not allowed; remove it"),
            ("day: *x\n", (21, 10), "aliases (`*x`) are not allowed; write it out"),
            ("<<: {day: 1}\n", (21, 5), "merge keys (`<<`) are not allowed; write the keys out"),
            ("day: 1\n    day: 2\n", (22, 5), "the key `day` stands here twice (first in line 21); remove one"),
            ("day: !!python/object/apply:os.system [id]\n", (21, 10), "are not allowed; remove it"),
            ("day: !!int 1\n", (21, 10), "tags ("),
            ("\tday: 1\n", (21, 5), "a tab indents this line; write spaces instead"),
            ("day: 1\n---\n", (22, 1), "a second document begins here"),
            ("day: 01\n", (21, 10), '`01` begins with 0 and YAML reads it as the number 1; write "01" in quotes'),
            ("day: " + "9" * 40 + "\n", (21, 10), "has 40 digits"),
            ("day: 0x1F\n", (21, 10), "no number this language knows"),
            ("day: " + "[" * 60 + "]" * 60 + "\n", (21, 57), "nested deeper than 50 levels"),
            (
                "day: 1\n    x: [" + "a, " * 20_000 + "]\n",
                (22, 59_742),
                "over 20,000 values; split it into several files",
            ),
            ("day: 1" + " " * 100_000 + "\n", (21, 1), "over 100,000 characters; break it up"),
            ("day: 1\x07\n", (21, 11), "the character U+0007 is not allowed"),
        ],
    )
    def test_dangers(self, new: str, place: tuple[int, int], expected: str) -> None:
        found = [each for each in of_lead("day: 1\n", new) if each.level == "error"]
        assert [(each.line, each.column) for each in found] == [place], render_problems(found)
        assert expected in found[0].message
        assert english_left(found[0].said(), *TEST_WORDS) == []

    def test_bombs_are_refused_at_their_beginning(self) -> None:
        laughs = "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(50))
        merges = "a: &a {x: 1}\n" + "".join(f"b{n}: {{<<: [*a, *a]}}\n" for n in range(50))
        for bomb in (
            laughs,
            merges,
            "[" * 500_000,
            "{a: " * 200_000,
            "- " * 300_000,
            "? " * 300_000,
            "!" * 500_000,
            "&a " * 300_000,
            "[" + "a," * 500_000,
            "a: b\n" * 9,
        ):
            found = loaded({"engine.yaml": ENGINE, "sops/a.yaml": bomb})
            assert found.errors
            assert max(len(str(each)) for each in found.errors) < 300
            assert [each for each in found.errors if english_left(each.said())] == []

    @settings(max_examples=300, deadline=None)
    @given(st.text(max_size=80) | st.text(alphabet="ab:-[]{}#&*!|>'\"%@`,? \n\t：，0.1~<=", max_size=60))
    def test_any_text_gives_problems_never_an_exception(self, text: str) -> None:
        for name in ("engine.yaml", "sops/a.yaml"):
            found = loaded({"engine.yaml": "", name: text})
            assert found.errors or name == "engine.yaml"
            assert all(each.line >= 1 and each.column >= 1 for each in found.problems), render_problems(found.problems)

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_any_change_of_a_good_file_gives_problems_never_an_exception(self, data: st.DataObject) -> None:
        begin = data.draw(st.integers(0, len(TWO_TAGS) - 1))
        end = data.draw(st.integers(begin, min(len(TWO_TAGS), begin + 40)))
        put = data.draw(st.text(alphabet="a1:[]{}-'\"#&* \n\t，：", max_size=5))
        found = loaded({**FOLDER, "sops/lead.yaml": TWO_TAGS[:begin] + put + TWO_TAGS[end:]})
        assert found.broken or "sops/lead.yaml" in found.files.values()


class TestTraps:
    @pytest.mark.parametrize(
        ("old", "new", "place", "expected"),
        [
            ("title: 装修意向客户培育", "title: {{ customer.name }}", (3, 9), "unquoted `{{`: YAML reads it as a mapping; write"),
            ("title: 装修意向客户培育", "title: {{ customer.name }}您好", (3, 9), "unquoted `{{`"),
            ('title: "电话回访 {{ customer.name }}"', "title: 电话回访 {{ customer.name }}", (27, 55), "unquoted `{{`"),
            ("title: 装修意向客户培育", "title: {% if x %}", (3, 9), "unquoted `{{` or `{%`"),
            ("priority: 50", "priority：50", (5, 1), "`priority：` has a full-width colon; write `priority: `"),
            ("day: 1\n", "day：1\n", (22, 5), "`day：` has a full-width colon; write `day: `"),
            ("{stage: [新加好友, 意向客户]}", "{stage：意向客户}", (9, 10), "has a full-width colon; write `stage: `"),
            ("[楼盘A, 装修意向]}", "[楼盘A，装修意向]}", (7, 23), "is read as one text; write [楼盘A, 装修意向]"),
            ("tag_removed: [楼盘A, 装修意向]", "tag_removed: 楼盘A, 装修意向", (13, 18), "is read as one text; write [楼盘A, 装修意向]"),
            ("tag_removed: [楼盘A, 装修意向]", "tag_removed: ［楼盘A］", (13, 18), "write [ , ] half-width"),
            ("channel: [wecom, sms]", "channel: wecom、sms", (18, 34), "write [wecom, sms]"),
            ('at: "10:00"', "at: “10:00”", (18, 16), 'it holds the full-width `“`: write `"`'),
            ('at: "10:00"', 'at: "10：00"', (18, 16), "it holds the full-width `：`: write `:`"),
            ("title: 装修意向客户培育", "title: 2026-01-01", (3, 8), 'found the date `2026-01-01`; wanted a text'),
            ("title: 装修意向客户培育", "title: 12", (3, 8), 'found the number `12`; wanted a text; write "12" in quotes'),
            ("title: 装修意向客户培育", "title: #1 今天", (3, 1), "`title` is empty; write a value or remove it"),
            ("title: 装修意向客户培育", "title: 注意: 客户", (3, 10), "needs quotes"),
            ("title: 装修意向客户培育", "title: @all", (3, 8), "needs quotes"),
        ],
    )  # fmt: skip
    def test_yaml_reads_it_differently(self, old: str, new: str, place: tuple[int, int], expected: str) -> None:
        found = [each for each in of_lead(old, new) if each.level == "error"]
        assert [(each.line, each.column) for each in found] == [place], render_problems(found)
        assert expected in found[0].message
        assert english_left(found[0].said(), *TEST_WORDS) == []

    def test_a_hash_that_cuts_a_text_is_a_warning(self) -> None:
        found = of_lead("title: 装修意向客户培育", "title: 优惠 #1 今天")
        assert [(each.line, each.column, each.level) for each in found] == [(3, 8, "warning")]
        assert "all from `#1 今天` on is cut off as a comment; write the text in quotes" in found[0].message

    def test_a_comment_is_no_trap(self) -> None:
        assert of_lead("title: 装修意向客户培育", "title: 装修意向客户培育   # 客户") == []

    def test_texts_may_hold_full_width_signs(self) -> None:
        assert of_lead("text: 您好", "text: 温馨提示：“您好”，【店】") == []
        assert of_lead("tag: 已成交", 'tag: "A，B"') == []


class TestForm:
    @pytest.mark.parametrize(
        ("old", "new", "place", "expected"),
        [
            ("priority: 50", "priorty: 50", (4, 1), "unknown key `priorty`; allowed: sop, title, priority"),
            ("day: 1\n", "dya: 1\n", (21, 5), "unknown key `dya` in steps[0]; allowed: id, day, at"),
            ("day: 1\n", "dya: 1\n", (21, 5), "Did you mean `day`?"),
            ("{all: [楼盘A, 装修意向]}", "{al: [楼盘A]}", (7, 17), "Did you mean `all`?"),
            ("{all: [楼盘A, 装修意向]}", "5", (7, 16), "found the number `5`; wanted a name or a list of names or `key: value`"),
            ("{all: [楼盘A, 装修意向]}", "[a, 5]", (7, 20), "found the number `5`; wanted a text"),
            ("{all: [楼盘A, 装修意向]}", "[a, a]", (7, 16), "listed twice: a; remove one"),
            ("- tag_added: {all: [楼盘A, 装修意向]}", "- tga_added: a", (7, 5), "Did you mean `tag_added`?"),
            ("- tag_added: {all: [楼盘A, 装修意向]}", "- repled", (7, 5), "Did you mean `replied`?"),
            ("- tag_added: {all: [楼盘A, 装修意向]}", "- tag_added: a\n    replied: {}", (7, 5), "write exactly one of"),
            ("- replied: {contains: 预约}", "- replied: 预约", (14, 14), "wanted `key: value` pairs (contains, channel)"),
            ("title: 装修意向客户培育\n", "", (2, 1), "the file needs the key `title`"),
            ("id: d1", "at: '10:00'", (20, 5), "steps[0] needs the key `id`: the step's identity"),
            ("day: 1\n", 'day: "1"\n', (21, 10), "found the text `1`; wanted a whole number; remove the quotes"),
            ("day: 1\n", "day: true\n", (21, 10), "found the truth value `true`; wanted a whole number"),
            ("day: 1\n", "day: 1.5\n", (21, 10), "wanted a whole number"),
            ("day: 1\n", "day: 99999\n", (21, 10), "`99999` is out of range; at most 3650 is allowed"),
            ("day: 1\n", "day: 1\n    after: 2h\n", (20, 5), "needs exactly one time"),
            ("sop: renovation-lead", "sop: Renovation Lead", (2, 6), "is not an SOP id: small letters, digits and hyphens"),
            ("mode: after_end", "mode: aftr_end", (17, 17), "allowed: `never`, `after_end`, `restart`. Did you mean `after_end`?"),
            ("cooldown: 90d", "cooldown: 90 days", (17, 38), "`90 days` is not a duration; write a whole number and a unit"),
            ("- not: {tag: 已成交}", "- seen: {type: a, since: strt}", (10, 28), "90s, 15m, 36h, 2d, or `start`"),
            ("- not: {tag: 已成交}", "- not: {tag: {}}", (10, 16), "found `key: value` pairs; wanted a name or a list of names"),
            ("- not: {tag: 已成交}", "- not: {tag: }", (10, 11), "`when[1].not.tag` is empty"),
            ("{gte: 100000}", "{gte: abc}", (11, 33), "found the text `abc`; wanted a number or a date such as 2026-01-31"),
            ("{gte: 100000}", "{eq: {}}", (11, 32), "wanted true or false, a number, a date such as 2026-01-31 or a text"),
            ("{gte: 100000}", "{exists: yes}", (11, 36), "wanted true or false; write true"),
            ("when:\n  - is", "when:\n    is", (10, 3), "this is not YAML"),
            ("as: 预约", "as:", (15, 5), "`exit[1].as` is empty"),
            ("customer.name |", "customer.nmae |", (24, 12), "Did you mean `customer.name`?"),
            ("回访 {{ customer.name }}", "回访 {{ customer.nmae }}", (27, 59), "Did you mean `customer.name`?"),
            ("[wecom, sms]", "[wecm, sms]", (18, 35), "unknown channel `wecm`; known: wecom, sms. Did you mean `wecom`?"),
        ],
    )  # fmt: skip
    def test_one_mistake_is_one_message_with_its_place(
        self, old: str, new: str, place: tuple[int, int], expected: str
    ) -> None:
        found = [each for each in of_lead(old, new) if each.level == "error" and each.file == "sops/lead.yaml"]
        assert [(each.line, each.column) for each in found] == [place], render_problems(found)
        assert expected in found[0].message
        assert english_left(found[0].said(), *TEST_WORDS) == []
        assert "pydantic" not in found[0].message.lower()
        assert "Input should" not in found[0].message

    def test_every_mistake_is_told(self) -> None:
        text = (
            TWO_TAGS.replace("priority", "priorty").replace("mode: after_end", "mode: x").replace("due: 24h", "due: x")
        )
        found = loaded({**FOLDER, "sops/lead.yaml": text})
        assert [each.line for each in found.errors] == [4, 17, 27]

    def test_what_this_version_does_not_run_yet_is_said_to_be_later(self) -> None:
        found = of_engine("staff:", "notify: {}\nstaff:")
        assert len(found) == 1, render_problems(found)
        assert "`notify` is part of the language but this version does not run it yet" in found[0].message


class TestEngineYaml:
    @pytest.mark.parametrize(
        ("old", "new", "place", "expected"),
        [
            ("timezone: Asia/Shanghai", "timezon: Asia/Shanghai", (1, 1), "Did you mean `timezone`?"),
            ("timezone: Asia/Shanghai", "timezone: Asia/Shangai", (1, 11), "Did you mean `Asia/Shanghai`?"),
            ("budget: number", "budget: nummer", (4, 11), "Did you mean `number`?"),
            ("default: false", "default: nein", (6, 30), "the default of `黑名单` is `nein`, which is not true or false"),
            ("type: post, address: here", "type: pst, address: here", (12, 15), "type `pst`; this version has: post. Did you mean `post`?"),
            ("type: post, address: here", "address: here", (12, 8), "channel `sms` needs its `type`; this version has: post"),
            ("address: here", "adress: here", (12, 21), "`adress` in channels.sms; allowed: type, address, copies. Did you"),
            ("address: here, ", "", (12, 8), "channels.sms needs the key `address`: where to"),
            ("copies: 2", "copies: 9", (12, 44), "`channels.sms.copies`: `9` is out of range; at most 5 is allowed"),
            ("copies: 2", "copies: two", (12, 44), "`channels.sms.copies`: found the text `two`; wanted a whole number"),
            ("sms: {type: post, address: here, copies: 2}", "sms: post", (12, 8), "found the text `post`; wanted `key: value` pairs"),
            ("staff: [owner, manager]", "staff: [owner, owner]", (9, 16), "listed twice"),
            ("values: [新加好友, 意向客户,", "values: [新加好友, 意向客户，", (8, 26), "is read as one text"),
        ],
    )  # fmt: skip
    def test_mistakes(self, old: str, new: str, place: tuple[int, int], expected: str) -> None:
        found = [each for each in of_engine(old, new) if each.file == "engine.yaml"]
        assert [(each.line, each.column) for each in found] == [place], render_problems(found)
        assert expected in found[0].message
        assert english_left(found[0].said(), *TEST_WORDS) == []

    def test_a_broken_engine_yaml_is_told_alone(self) -> None:
        found = loaded({**FOLDER, "engine.yaml": ENGINE.replace("staff:", "stuff:")})
        assert found.engine is None
        assert found.broken == {"engine.yaml": None}
        assert {each.file for each in found.problems} == {"engine.yaml"}
