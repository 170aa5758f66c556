import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from datamodules.errors import DataError
from datamodules.modalities.text import TextData
from datamodules.modalities.text_source import load_texts, load_tokenizer
from tests.samples.places import SHARED_DATA
from tests.samples.texts import SPECIAL, WORDS, make_texts, write_jsonl, write_tokenizer

PAD, CLS, SEP, MASK = 0, 2, 3, 4
SHARED = SHARED_DATA


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tokenizer(tmp_path):
    return write_tokenizer(tmp_path / "tokenizer")


def write_table(path, texts):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerow(["label", "text"])
        writer.writerows([[number or "none", text] for number, text in enumerate(texts)])
    return str(path)


def write_json(path, texts):
    path.write_text(json.dumps([{"text": text} for text in texts]))
    return str(path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.jsonl", write_jsonl),
        ("a.json", write_json),
        ("a.csv", write_table),
        ("a[1].tsv", write_table),
    ],
)
def test_lengths_count_special_tokens_in_every_format(tmp_path, tokenizer, name, write):
    texts = make_texts([3, 7, 3]) + ["NA", "null"]
    distribution = TextData(write(tmp_path / name, texts), tokenizer).lengths()
    assert distribution.values == (3, 5, 9)
    assert distribution.counts == (2, 2, 1)
    assert (distribution.modality, distribution.unit) == ("text", "tokens")


def test_a_tsv_keeps_lone_quotes_in_their_lines(tmp_path, tokenizer):
    path = tmp_path / "a.tsv"
    path.write_text('text\tlabel\n"word1 word2\t0\nword3\t1\nword4"\t0\n')
    assert TextData(str(path), tokenizer).lengths().count == 3


def test_a_batch_has_exactly_the_asked_length_from_the_nearest_texts(tmp_path, tokenizer):
    data = TextData(write_jsonl(tmp_path / "a.jsonl", make_texts([4, 18, 8, 12])), tokenizer)
    batch = data.batch_at(12, 2)  # 14 and 10 tokens are equally near
    assert batch["input_ids"].shape == batch["labels"].shape == (2, 12)
    assert batch["attention_mask"].sum(1).tolist() == [12, 10]
    assert batch["input_ids"][:, 0].tolist() == [CLS, CLS]
    assert batch["input_ids"][[0, 1], [11, 9]].tolist() == [SEP, SEP]
    assert batch["input_ids"][1, 10:].tolist() == [PAD, PAD]
    assert bool((batch["labels"][batch["attention_mask"] == 0] == -100).all())
    assert bool((batch["labels"] != -100).any(1).all())
    assert "attention_mask" not in data.batch_at(10, 2)


def test_the_seed_chooses_the_masks_and_samples_repeat_with_other_masks(tmp_path, tokenizer):
    data = TextData(write_jsonl(tmp_path / "a.jsonl", make_texts([30, 2])), tokenizer)
    batch, again = data.batch_at(30, 4, seed=1), data.batch_at(30, 4, seed=1)
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    assert not torch.equal(batch["labels"], data.batch_at(30, 4, seed=2)["labels"])
    assert not torch.equal(batch["labels"][0], batch["labels"][2])


def test_changing_the_file_changes_the_batch_the_lengths_and_the_fingerprint(tmp_path, tokenizer):
    path = tmp_path / "a.jsonl"
    before = TextData(write_jsonl(path, ["word1 word2", "word3"]), tokenizer)
    first, mark = before.batch_at(4, 1), before.fingerprint()
    assert before.lengths().values == (3, 4)
    after = TextData(write_jsonl(path, ["word5 word6 word7", "word8"]), tokenizer)
    assert after.fingerprint() != mark
    assert after.lengths().values == (3, 5)
    assert not torch.equal(first["input_ids"], after.batch_at(4, 1)["input_ids"])


def test_lengths_and_fingerprint_change_with_what_a_hub_name_stands_for(tmp_path, monkeypatch):
    source = write_jsonl(tmp_path / "a.jsonl", ["ab ab", "ab"])
    found = []
    for number, words in enumerate((["ab"], ["a", "##b"])):
        folder = tmp_path / f"revision-{number}"
        folder.mkdir()
        (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *words]))
        tokenizer = load_tokenizer(str(folder))
        monkeypatch.setattr(
            AutoTokenizer, "from_pretrained", lambda _, given=tokenizer, **__: given
        )
        data = TextData(source, "bert")
        mark = data.fingerprint()
        found.append((data.lengths().values, mark))
        data.batch_at(4, 2)
        assert data.fingerprint() == mark
    assert [values for values, _ in found] == [(3, 4), (4, 6)]
    assert found[0][1] != found[1][1]


def test_reading_leaves_nothing_behind_but_the_lengths_in_the_cache(
    tmp_path, tokenizer, own_cache, monkeypatch
):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    source = write_jsonl(tmp_path / "a.jsonl", make_texts([3, 5]))
    values = TextData(source, tokenizer).lengths().values
    assert list(scratch.iterdir()) == []
    (kept,) = (own_cache / "tipping-point").iterdir()
    assert TextData(source, tokenizer).lengths().values == values
    kept.write_bytes(b"damaged")
    assert TextData(source, tokenizer).lengths().values == values
    np.save(kept, np.load(kept)[:1])
    assert TextData(source, tokenizer).lengths().values == values


def test_lengths_of_a_part_of_a_file_that_was_being_copied_are_not_kept_for_all_of_it(
    tmp_path, tokenizer, own_cache, monkeypatch
):
    path = tmp_path / "a.jsonl"
    write_jsonl(path, make_texts([3, 5]))

    def load(*settings):
        texts = load_texts(*settings)
        with path.open("a") as file:
            file.write(json.dumps({"text": "word1", "label": 1}) + "\n")
        return texts

    with monkeypatch.context() as patch:
        patch.setattr("datamodules.modalities.text.load_texts", load)
        assert TextData(str(path), tokenizer).lengths().values == (5, 7)
    assert TextData(str(path), tokenizer).lengths().values == (3, 5, 7)
    assert len(list((own_cache / "tipping-point").iterdir())) == 2


@pytest.mark.parametrize("has_config", [False, True])
def test_local_files_ask_nothing_of_the_network(tmp_path, tokenizer, monkeypatch, has_config):
    asked = []

    def refuse(host, *_, **__):
        asked.append(host)
        raise OSError("no network")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    if has_config:
        config = '{"tokenizer_class": "BertTokenizer"}'
        (Path(tokenizer) / "tokenizer_config.json").write_text(config)
    TextData(write_jsonl(tmp_path / "a.jsonl", make_texts([3, 5])), tokenizer).batch_at(5, 1)
    assert asked == []


def test_max_length_cuts_samples_and_lengths(tmp_path, tokenizer):
    source = write_jsonl(tmp_path / "a.jsonl", make_texts([3, 50]))
    data = TextData(source, tokenizer, max_length=16)
    assert data.lengths().values == (5, 16)
    assert data.batch_at(20, 1)["attention_mask"].sum() == 16
    assert max(batch["input_ids"].shape[1] for batch in data.predict_dataloader()) == 16


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "text,label\nmore words,1,\nfour of them here,2,\n", [4, 6]),
        ("a.tsv", "label\ttext\n1\tmore words\t\n2\tfour of them here\t\n", [4, 6]),
    ],
)
def test_an_empty_field_at_the_end_of_every_line_moves_no_column(
    tmp_path, tokenizer, name, content, expected
):
    (tmp_path / name).write_text(content)
    assert sorted(TextData(str(tmp_path / name), tokenizer).reader.lengths) == expected


def test_a_line_with_too_many_fields_is_named(tmp_path, tokenizer):
    (tmp_path / "a.csv").write_text("text,label\nfine,1\nwords, more words,2\n")
    with pytest.raises(DataError, match="must have 2 fields in line 3, .* got 3"):
        TextData(str(tmp_path / "a.csv"), tokenizer).lengths()


def test_null_is_an_empty_text(tmp_path, tokenizer):
    (tmp_path / "a.jsonl").write_text('{"text": "more words"}\n{"text": null}\n')
    data = TextData(str(tmp_path / "a.jsonl"), tokenizer)
    assert (data.lengths().count, data.skipped) == (1, ["text 1 is empty"])


@pytest.mark.parametrize("vocabulary", [b"", b"\xff\xfe\x00", b"only\nwords\n"])
def test_a_tokenizer_that_cannot_be_used_is_one_sentence(tmp_path, vocabulary):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/vocab.txt").write_bytes(vocabulary)
    with pytest.raises(DataError, match="`tokenizer` .*broken cannot be loaded: .") as caught:
        load_tokenizer(str(tmp_path / "broken"))
    assert "\n" not in str(caught.value)


def test_a_tokenizer_with_code_of_its_own_is_refused_and_nobody_is_asked(tokenizer, monkeypatch):
    mapped = {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["own.Own", None]}}
    (Path(tokenizer) / "tokenizer_config.json").write_text(json.dumps(mapped))
    (Path(tokenizer) / "own.py").write_text("raise SystemExit('it was run')\n")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("somebody was asked"))
    with pytest.raises(DataError, match="it brings code of its own, which is never run; take"):
        load_tokenizer(tokenizer)


def test_a_missing_folder_beside_others_is_not_looked_for_on_a_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tokenizers").mkdir()
    with pytest.raises(DataError, match="tokenizers/bert is not a folder"):
        load_tokenizer("tokenizers/bert")


def test_a_limit_below_the_special_tokens_is_refused_before_anything_is_counted(
    tmp_path, tokenizer
):
    source = write_jsonl(tmp_path / "a.jsonl", make_texts([30]))
    with pytest.raises(DataError, match="`max_length` must be at least 3, got 2"):
        TextData(source, tokenizer, max_length=2).lengths()


def test_facts_come_from_the_tokenizer(tmp_path, tokenizer):
    data = TextData("never-opened.jsonl", tokenizer)
    assert (data.num_classes, data.pad_token_id) == (45, PAD)


def test_a_tokenizer_without_mask_and_padding_gets_them(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(["<unk>", *WORDS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>").save_pretrained(
        tmp_path / "plain"
    )
    source = write_jsonl(tmp_path / "a.jsonl", [*make_texts([30, 4]), ""])
    data = TextData(source, str(tmp_path / "plain"), batch_size=2)
    assert data.num_classes == 43
    assert data.lengths().values == (4, 30)
    assert len(data.skipped) == 1
    batch = data.batch_at(33, 1)
    assert batch["input_ids"][0, 30:].tolist() == [data.pad_token_id] * 3
    assert int(batch["input_ids"].max()) < 43


@pytest.mark.parametrize(
    ("name", "content", "settings", "message"),
    [
        ("a.jsonl", "", {}, "is empty"),
        ("a.csv", "text\n", {}, "`source` .*a.csv cannot be read"),
        ("a.csv", "\n", {}, "`text_column` must be a column of"),
        ("a.jsonl", '{"text": ""}\n', {}, "holds no samples that can be used"),
        ("a.jsonl", '{"text": "word1"}\n{oops\n', {}, "`source` .*a.jsonl cannot be read"),
        ("a.csv", "text,x\nword1,2\n", {"text_column": "review"}, "one of text, x, got 'review'"),
        ("a.jsonl", '{"text": "a", "x": 1}\n', {"text_column": "review"}, "one of text, x, got"),
        ("a.jsonl", '{"text": 3}\n', {}, "`text_column` text of .* must hold strings, got int64"),
        ("a.jsonl", '{"text": "word1"}\n', {"split": "dev"}, "dev"),
        ("a.txt", "word1\n", {}, "ending in .csv, .json, .jsonl, .parquet, .tsv, got"),
        ("a.csv", b"\xff\xfe\x00", {}, "is not a table of text"),
    ],
)
def test_data_that_cannot_be_used_is_one_sentence(
    tmp_path, tokenizer, name, content, settings, message
):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message) as caught:
        TextData(str(path), tokenizer, **settings).lengths()
    assert "\n" not in str(caught.value)


def test_a_missing_file_or_tokenizer_is_named_without_asking_the_hub(tmp_path, tokenizer):
    source = write_jsonl(tmp_path / "a.jsonl", ["word1"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="`source` file absent.jsonl does not exist"):
        TextData("absent.jsonl", tokenizer).lengths()
    with pytest.raises(DataError, match="`tokenizer` must be a hub name or a folder, .*absent"):
        TextData(source, str(tmp_path / "absent")).lengths()
    with pytest.raises(DataError, match="`tokenizer` .*empty cannot be loaded"):
        TextData(source, str(tmp_path / "empty")).lengths()


def test_lengths_too_short_and_data_too_few_are_refused(tmp_path, tokenizer):
    data = TextData(write_jsonl(tmp_path / "a.jsonl", ["word1"]), tokenizer)
    with pytest.raises(DataError, match="must exceed the tokenizer's 2 special tokens, got 2"):
        data.batch_at(2, 1)
    with pytest.raises(DataError, match="at least 2 samples to train"):
        data.train_dataloader()


def test_a_folder_as_source_is_refused(tmp_path, tokenizer):
    with pytest.raises(DataError, match="`source` must be a hub name or a file ending in"):
        TextData(str(tmp_path), tokenizer).lengths()


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not there")
def test_real_reviews_are_read_with_the_real_tokenizer():
    data = TextData(
        str(SHARED / "text/sst2/dev.tsv"), str(SHARED / "tokenizers/bert-base-uncased"), "sentence"
    )
    assert data.lengths().count == 872
    assert data.num_classes == 30522
    assert data.batch_at(32, 4)["input_ids"].shape == (4, 32)
