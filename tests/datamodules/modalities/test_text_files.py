"""Texts out of files of every kind: nothing is cut, and whatever cannot be read is one sentence."""

import csv
import json

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datamodules.errors import DataError
from datamodules.modalities.text_files import write_column
from datamodules.modalities.text_source import load_texts


def texts_of(path, column="text"):
    return load_texts(str(path), column, "train", None)[column][:]


def refusal(path):
    with pytest.raises(DataError) as caught:
        texts_of(path)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=5))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_text_of_any_characters_comes_back_from_lines_of_json(tmp_path, texts):
    lines = [json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts]
    (tmp_path / "a.jsonl").write_bytes("".join(lines).encode())
    assert texts_of(tmp_path / "a.jsonl") == texts


def test_lines_of_json_that_are_no_utf8_are_refused(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "caf\xe9 au lait"}\n{"text": "hi"}\n')
    assert refusal(tmp_path / "a.jsonl").endswith("a.jsonl cannot be read: it is no text in UTF-8")


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ('{"text": "a"}\n\n{"text": "cut o', 3, "Unterminated string in column 10"),
        ('{"text": "a"}\n{"text":\n{"text": "b"}\n', 2, "Expecting value in column 9"),
        ('{"text": oops}\n{"text": "b"}\n', 1, "Expecting value in column 10"),
        ('[{"text": "a"},\n {"text": oops}]', 2, "Expecting value in column 11"),
        ("\n\n[1,\n2 3]", 4, "Expecting ',' delimiter in column 3"),
    ],
)
def test_a_damaged_line_of_json_is_named_with_what_is_wrong(tmp_path, content, line, reason):
    path = tmp_path / "a.json"
    path.write_text(content)
    assert refusal(path) == f"line {line} of `source` {path} cannot be read as JSON: {reason}"


def test_a_number_that_nobody_can_read_is_named_by_its_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b", "x": ' + "1" * 5_000 + "}\n")
    assert f"`source` {path} cannot be read from line 2 on: " in refusal(path)


def test_half_of_a_pair_of_surrogates_is_named_by_its_row(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "\\ud83d\\ude00"}\n{"text": "\\ud83d"}\n')
    said = f"row 2 of `source` {path} has a text with half of a pair of surrogates"
    assert refusal(path) == said


@pytest.mark.parametrize(
    ("before", "after"), [({"note": None}, {"note": "s"}), ({}, {"y": 1}), ({"y": 1}, {"y": "1a"})]
)
def test_another_column_may_change_its_type_half_way(tmp_path, before, after):
    row = {"text": "hello world", "pad": "x" * 700_000}  # more than a reader takes at a time
    with (tmp_path / "a.jsonl").open("w") as file:
        for number in range(17):
            file.write(json.dumps(row | (before if number < 15 else after)) + "\n")
    assert texts_of(tmp_path / "a.jsonl") == ["hello world"] * 17


@pytest.mark.parametrize("value", [3, ["a"], 1.5, {"a": 1}])
def test_a_text_that_is_none_is_named_by_its_row(tmp_path, value):
    rows = [{"text": "fine"}, {"text": value}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "must hold strings, got" in refusal(tmp_path / "a.jsonl")
    assert "in row 2" in refusal(tmp_path / "a.jsonl")


def test_a_long_field_is_whole(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\n" + "a " * 100_000 + ",1\nhi,2\n")
    assert texts_of(tmp_path / "a.csv") == ["a " * 100_000, "hi"]


@pytest.mark.parametrize(
    "content", ["text,label\nhello\rworld,1\n", "label,text\n1,hello\rworld\n"]
)
def test_a_lone_carriage_return_neither_cuts_a_text_nor_makes_two(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content.encode())
    assert "is not a table of text: new-line character" in refusal(tmp_path / "a.csv")
    quoted = content.replace("hello\rworld", '"hello\rworld"')
    (tmp_path / "b.csv").write_bytes(quoted.replace("\n", "\r\n").encode())
    assert texts_of(tmp_path / "b.csv") == ["hello\rworld"]


def test_a_quote_that_is_never_closed_is_named_where_its_row_begins(tmp_path):
    (tmp_path / "a.csv").write_text('text,label\n"good film,1\nbad film,0\n')
    said = refusal(tmp_path / "a.csv")
    assert said.endswith("unexpected end of data in the row that begins in line 2")


def test_rows_between_two_quotes_that_are_never_closed_are_not_one_text(tmp_path):
    rows = [f"film {number},1\n" for number in range(60)]
    rows[2], rows[57] = '"good film,1\n', '"bad film,0\n'
    (tmp_path / "a.csv").write_text("".join(["text,label\n", *rows]))
    assert "is not a table of text: " in refusal(tmp_path / "a.csv")
    assert refusal(tmp_path / "a.csv").endswith("in the row that begins in line 4")


def test_a_table_of_a_header_alone_has_no_rows(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\n")
    assert refusal(tmp_path / "a.csv").endswith("a.csv cannot be read: it has no rows")


def test_parquet_is_read_by_its_column(tmp_path):
    path = tmp_path / "a.parquet"
    table = {"review": ["one", None, "three"], "year": [1, 2, 3]}
    pyarrow.parquet.write_table(pyarrow.table(table), path)
    assert texts_of(path, "review") == ["one", None, "three"]
    assert "one of review, year, got 'text'" in refusal(path)
    with pytest.raises(DataError, match="`text_column` year of .* must hold strings, got int64"):
        texts_of(path, "year")
    path.write_bytes(path.read_bytes()[:-20])
    assert "a.parquet cannot be read" in refusal(path)


@pytest.mark.parametrize("content", ['["one", "two"]', '[{"text": "one"},\n {"text": "two"}]'])
def test_a_list_of_json_is_read(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    assert texts_of(tmp_path / "a.json") == ["one", "two"]


@pytest.mark.parametrize(
    "table",
    [
        {"text": ["one", None, "two"]},
        {"text": {"0": "one", "1": None, "2": "two"}, "label": {"0": 1, "1": 2, "2": 3}},  # pandas'
        {"label": [1], "text": ["one", None, "two"]},
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("end", ["", "\n\n"])
def test_an_object_with_a_list_per_column_is_a_table_on_one_line_and_on_many(
    tmp_path, table, indent, end
):
    (tmp_path / "a.json").write_text(json.dumps(table, indent=indent) + end)
    assert texts_of(tmp_path / "a.json") == ["one", None, "two"]


def test_one_line_with_a_text_is_a_row(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "one", "words": ["one"]}\n')
    assert texts_of(tmp_path / "a.jsonl") == ["one"]


def test_a_list_of_texts_beside_something_else_is_no_table(tmp_path):
    (tmp_path / "a.json").write_text('{"text": ["one", "two"], "label": 1}')
    assert "must hold strings, got list<item: string> in row 1" in refusal(tmp_path / "a.json")


def test_a_column_that_is_not_there_is_named_in_one_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('id,"one\ntwo"\n1,2\n')
    with pytest.raises(DataError, match=r"one of id, one\\ntwo, got 'text'") as refused:
        write_column(path, "text", tmp_path / "column")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_two_columns_of_one_name_are_refused(tmp_path, kind):
    path = tmp_path / f"texts.{kind}"
    if kind == "csv":
        path.write_text("text,text\none,two\n")
    else:
        columns = [pyarrow.array(["one"]), pyarrow.array(["two"])]
        pyarrow.parquet.write_table(pyarrow.table(columns, names=["text", "text"]), path)
    with pytest.raises(DataError, match="one column of .*, got 'text', which 2 columns are called"):
        write_column(path, "text", tmp_path / "out.parquet")


# The reader ends a line with a line feed; whatever else is in a text must come back.
any_text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
bare_text = st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"), min_size=1)


@given(st.lists(any_text, min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_quoted_text_of_any_characters_comes_back_from_a_table(tmp_path, texts, line_end):
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator=line_end, quoting=csv.QUOTE_ALL)
        writer.writerows([("number", "text"), *enumerate(texts)])
    assert texts_of(path) == texts


@given(st.lists(bare_text, min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_bare_text_comes_back_from_a_table_with_tabs(tmp_path, texts, line_end):
    path = tmp_path / "a.tsv"
    rows = [f"{number}\t{text}" for number, text in enumerate(texts)]
    path.write_bytes(line_end.join(["number\ttext", *rows, ""]).encode())
    assert texts_of(path) == texts
