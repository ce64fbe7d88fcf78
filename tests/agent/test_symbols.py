"""What each language's definitions and references look like, and what hostile files do."""

import pytest

from agent.symbols import LARGEST_FILE, LONGEST_SIGNATURE, NOTHING, language_of, read_symbols

PYTHON = '''
"""Prose about retired_name."""
LIMIT = 3


class Basket(Base):
    def add(self, item: str,
            count: int = 1) -> None:
        # not retired_name either
        self.items.append(make_entry(item, f"{count_up(1)} retired_name"))


async def fetch(): ...
'''
SAMPLES = {
    "a.py": (PYTHON, ["LIMIT", "Basket", "add", "fetch"]),
    "a.js": (
        "export class Basket { add(item) { return item } }\nfunction total(a) {}\nconst sum = (a) => a\n"
        "exports.run = function () {}\nconst LIMIT = 3\n",
        ["Basket", "add", "total", "sum", "run", "LIMIT"],
    ),
    "a.ts": (
        "interface Shape { area(): number }\ntype Id = string\nenum Colour { Red }\nexport const make = (): Id => ''\n"
        "abstract class Base { abstract size(): number; grow(by: number): void {} }\nfunction run<T>(a: T) {}\n",
        ["Shape", "area", "Id", "Colour", "make", "Base", "size", "grow", "run"],
    ),
    "a.tsx": ("export function View(props: Props) { return <b>{props.name}</b> }\n", ["View"]),
    "a.go": (
        "package a\n\nconst Limit = 3\n\ntype Basket struct{ n int }\n\ntype Sizer interface{ Size() int }\n\n"
        "func (b *Basket) Add(n int) error { return nil }\n\nfunc total() int { return 1 }\n",
        ["Limit", "Basket", "Sizer", "Size", "Add", "total"],
    ),
    "a.rs": (
        "pub struct Basket { n: u8 }\nenum Colour { Red }\ntrait Size { fn size(&self) -> u8; }\n"
        "impl Size for Basket { fn size(&self) -> u8 { 1 } }\nfn total() {}\nmacro_rules! sum { () => {} }\n"
        "mod inner { pub const LIMIT: u8 = 3; }\n",
        ["Basket", "Colour", "Size", "size", "size", "total", "sum", "inner", "LIMIT"],
    ),
    "A.java": (
        "public class Basket<T> {\n  Basket() {}\n  @Override public int size(int a) { return 1; }\n}\n"
        "interface Shape { double area(); }\nenum Colour { RED }\nrecord Point(int x) {}\n",
        ["Basket", "Basket", "size", "Shape", "area", "Colour", "Point"],
    ),
    "a.c": (
        "#define LIMIT 3\nstruct basket { int n; };\ntypedef unsigned id_t;\nenum colour { RED };\n"
        "static char *name_of(int a) { return 0; }\nint total(void) { return 1; }\nint later(int a);\n",
        ["LIMIT", "basket", "id_t", "colour", "name_of", "total", "later"],
    ),
    "a.cpp": (
        "namespace shop {\nclass Basket { public: int size() const { return 1; } void add(int a); };\n}\n"
        "void shop::Basket::add(int a) {}\ntemplate <class T> T total(T a) { return a; }\nusing Id = int;\n",
        ["shop", "Basket", "size", "add", "add", "total", "Id"],
    ),
    "a.h": ("struct basket { int n; };\nint total(void);\n", ["basket", "total"]),
    "a.rb": (
        "module Shop\n  class Basket < Base\n    LIMIT = 3\n    def add(item)\n    end\n    def self.empty?\n"
        "    end\n  end\nend\n",
        ["Shop", "Basket", "LIMIT", "add", "empty"],
    ),
}


@pytest.mark.parametrize("path", SAMPLES)
def test_definitions_of_a_language_are_found_in_order(path: str) -> None:
    text, names = SAMPLES[path]
    assert [found.name for found in read_symbols(text.encode(), language_of(path) or "").definitions] == names


def test_a_signature_is_what_stands_before_the_body_in_one_line() -> None:
    add = read_symbols(PYTHON.encode(), "python").definitions[2]
    assert add.signature == "    def add(self, item: str, count: int = 1) -> None"


def test_a_signature_has_what_stands_before_it_on_its_line() -> None:
    (found,) = read_symbols(b"static unsigned *name_of(int a)\n{\n}\n", "c").definitions
    assert found.signature == "static unsigned *name_of(int a)"


def test_a_definition_knows_its_line_and_the_one_around_it() -> None:
    limit, basket, add, fetch = read_symbols(PYTHON.encode(), "python").definitions
    assert [(found.line, found.owner) for found in (limit, basket, add, fetch)] == [(3, -1), (6, -1), (7, 1), (13, -1)]


def test_references_are_the_names_in_code() -> None:
    references = read_symbols(PYTHON.encode(), "python").references
    assert references["make_entry"] == references["Base"] == references["count_up"] == 1
    assert "retired_name" not in references


def test_a_definition_does_not_refer_to_itself() -> None:
    assert "total" not in read_symbols(b"def total(): ...\n", "python").references


def test_the_names_of_non_latin_code_are_found() -> None:
    found = read_symbols("def größe(): ...\nbreite_größe = größe()\n".encode(), "python")
    assert [definition.name for definition in found.definitions] == ["größe", "breite_größe"]
    assert found.references["größe"] == 1


def test_what_stands_around_a_syntax_error_is_found() -> None:
    found = read_symbols(b"def first():\n    return 1\n\ndef broken(:\n\ndef last():\n    return 2\n", "python")
    assert {"first", "last"} <= {definition.name for definition in found.definitions}


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF\0\0def a(): ...\n",
        "def a(): ...\n".encode("utf-16"),
        b"def a(): ...\n" * (LARGEST_FILE // 10),
        b"function a(){return 1};" * 1000,
    ],
    ids=["binary", "utf-16", "huge", "minified"],
)
def test_what_is_no_source_is_empty(data: bytes) -> None:
    assert read_symbols(data, "javascript") == NOTHING


def test_bytes_that_are_no_utf_8_are_survived() -> None:
    found = read_symbols(b"# caf\xe9\ndef caf\xe9(): ...\ndef fine(): ...\n", "python")
    assert found.definitions[-1].name == "fine"


def test_a_signature_is_clipped() -> None:
    (found,) = read_symbols(b"numbers = [" + b"1, " * 200 + b"]\n" + b"\n" * 20, "python").definitions
    assert len(found.signature) == LONGEST_SIGNATURE


def test_an_empty_file_has_no_symbols() -> None:
    assert read_symbols(b"", "python") == NOTHING


@pytest.mark.parametrize("path", ["README.md", "Makefile", "a.py.orig", "data.json"])
def test_other_files_have_no_language(path: str) -> None:
    assert language_of(path) is None


@pytest.mark.parametrize(
    "head",
    [
        b"// Code generated by protoc-gen-go. DO NOT EDIT.\n",
        b"# @generated by tool\n",
        b"/* This file was automatically generated. */\n/* Do not edit. */\n",
        b"/* Generated by Cython 3.0 */\n",
        b"# Auto-generated file, do not modify!\n",
    ],
)
def test_files_that_say_they_are_generated_have_no_symbols(head: bytes) -> None:
    assert read_symbols(head + b"def f(): ...\n", "python") == NOTHING


def test_a_generator_is_own_code() -> None:
    generator = b'"""Writes the parser."""\n' + b"import re\n" * 100 + b'HEAD = "# @generated, do not edit"\n'
    assert [found.name for found in read_symbols(generator, "python").definitions] == ["HEAD"]


def test_a_byte_order_mark_is_no_part_of_the_code() -> None:
    (found,) = read_symbols(b"\xef\xbb\xbfdef total(a):\r\n    return a\r\n", "python").definitions
    assert (found.name, found.signature, found.line) == ("total", "def total(a)", 1)
