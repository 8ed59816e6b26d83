"""A row of which nothing is said is for administrators."""

from __future__ import annotations

from proxy.admin.fields import Body
from proxy.admin.roles import ADMIN, READERS
from proxy.admin.shorthand import asking, getting, posting
from proxy.admin.tags import list_tags


def test_the_narrowest_roles_are_the_usual_ones() -> None:
    write = posting("/a", list_tags, Body, None)
    read, ask = getting("/a", list_tags, None, None), asking("/a", list_tags, Body, None)
    assert (write.roles, read.roles, ask.roles) == (ADMIN, READERS, READERS)
    assert (write.only_reads, read.only_reads, ask.only_reads) == (False, True, True)
