from flan_tasks.core.counting import are, counted, were


def test_one_is_singular_and_every_other_number_is_plural():
    assert [counted(n, "shard") for n in (0, 1, 2, 1_200)] == [
        "0 shards",
        "1 shard",
        "2 shards",
        "1,200 shards",
    ]
    assert [counted(n, "family", "families") for n in (1, 3)] == ["1 family", "3 families"]
    assert [counted(n, "shot") for n in (1.0, 2.5)] == ["1 shot", "2.5 shots"]
    assert [(are(n), were(n)) for n in (1, 0)] == [("is", "was"), ("are", "were")]
