from curricle_guest.testing import analyze, samples

from plugin import {{Name}}


def test_it_is_the_share_of_distinct_tokens():
    values, totals = analyze({{Name}}, samples([1, 2, 300, 4], [5, 5, 5, 5], []))
    assert values == [1.0, 0.25, 0.0]
    assert totals == []
