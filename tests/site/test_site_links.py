import pytest

from recipe_kb.site.links import link_problems

GOOD = '<html><body><h1 id="top">A</h1><a href="b/">b</a> <a href="b/#x">x</a> <a href="#top">t</a> <img src="p.png">'


@pytest.fixture
def site(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "index.html").write_text(GOOD, encoding="utf-8")
    (tmp_path / "b" / "index.html").write_text('<p id=x>b</p><a href="..">a</a><a href="../">a</a>', encoding="utf-8")
    (tmp_path / "p.png").write_bytes(b"")
    return tmp_path


def test_a_whole_site_has_no_problem(site):
    assert not link_problems(site)


@pytest.mark.parametrize(
    ("added", "code"),
    [
        ('<a href="c/">', "KB411"),
        ('<a href="b/#y">', "KB411"),
        ('<a href="#nowhere">', "KB411"),
        ('<img src="q.png">', "KB411"),
        ("<img src=q.png>", "KB411"),
        ('<a href="../../etc/passwd">', "KB411"),
        ('<script src="https://cdn.example/x.js"></script>', "KB412"),
        ('<link rel="stylesheet" href="//fonts.example/x.css">', "KB412"),
        ('<img src="http://img.example/x.png">', "KB412"),
    ],
)
def test_every_fault_is_found(site, added, code):
    (site / "index.html").write_text(GOOD + added, encoding="utf-8")
    (problem,) = link_problems(site)
    assert problem.code == code


@pytest.mark.parametrize("added", ['<a href="https://arxiv.org/abs/1">', '<a href="mailto:a@b.c">'])
def test_links_to_elsewhere_are_no_requests(site, added):
    (site / "index.html").write_text(GOOD + added, encoding="utf-8")
    assert not link_problems(site)
