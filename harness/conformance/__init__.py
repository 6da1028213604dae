"""The suites that any searcher, task or optimizer of the unit box must pass, shipped for their authors.

``harness conformance NAME`` runs it on a searcher, and from a test of your own::

    from harness.conformance import check_searcher, failures


    def test_mine_keeps_the_promises() -> None:
        assert not failures(check_searcher("my_package.my_search:MySearch"))
"""

from harness.conformance.box import check_box_optimizer
from harness.conformance.checks import Check, failures
from harness.conformance.searcher import check_searcher
from harness.conformance.task import check_task

__all__ = ["Check", "check_box_optimizer", "check_searcher", "check_task", "failures"]
