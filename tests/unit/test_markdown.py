from __future__ import annotations

from pathlib import Path

import pytest

from core.markdown import convert_file, html_to_markdown


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<h1>Title</h1><p>Hello <b>bold</b> and <i>it</i>.</p>", "# Title\n\nHello **bold** and *it*."),
        ('<p>See <a href="https://e.x/a">docs</a> now</p>', "See [docs](https://e.x/a) now"),
        ('<p class="embedded-file">skip</p><p>keep</p>', "keep"),
        ('<control>:smile:<a href="u">Bob</a></control> joined', "Bob joined"),
        ("<ol><li>x</li><li>y</li></ol>", "1. x\n2. y"),
        ('<control><a href="u"></a></control> joined', "u joined"),
        ('<a href="https://e.x"></a>', "<https://e.x>"),
        ("<a>text</a>", "text"),
        ('<img alt="a" src="s"><img alt="none">', "![a](s)"),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "- a\n  - b\n- c"),
        ("a<br>b", "a\nb"),
        ("<p>a</p><hr><p>b</p>", "a\n\n---\n\nb"),
        ("<p>use <code>a_b * c</code></p>", "use `a_b * c`"),
        ("<pre>int x;\n  int y;</pre>", "```\nint x;\n  int y;\n```"),
        ("<p>one</p><p>two</p><div>three</div>", "one\n\ntwo\n\nthree"),
        ("<p><b>:tada:</b> done</p>", "done"),
        ("<script>x()</script><style>p{}</style><p>y</p>", "y"),
        ("<p>snake_case and 2 * 3 * 4</p>", "snake_case and 2 * 3 * 4"),
        ("", ""),
    ],
)
def test_html_elements(html: str, markdown: str) -> None:
    assert html_to_markdown(html) == markdown


def test_converting_tables() -> None:
    html = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
    assert html_to_markdown(html).splitlines() == ["| a | b |", "| --- | --- |", "| 1 | 2 |"]


def test_converting_files(tmp_path: Path) -> None:
    (tmp_path / "x.html").write_text("<p>ü</p>")
    (tmp_path / "y.htm").write_text("<p>y</p>")
    assert convert_file(tmp_path / "x.html") == tmp_path / "x.md"
    assert convert_file(tmp_path / "y.htm") == tmp_path / "y.htm.md"
    assert (tmp_path / "x.md").read_text(encoding="utf-8") == "ü\n"
