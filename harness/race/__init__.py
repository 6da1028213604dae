"""How a search is run: protocols, seeds, the loop, the engine and the ledger (protocol §3).

``harness.race(…)`` races searchers: the package has the same name as that function, and calling it calls the function.
"""

from harness import make_callable

make_callable(__name__, "harness.library.racing:race")
