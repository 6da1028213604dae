"""Examples of every command, which the command's help shows and the documentation lists."""

from __future__ import annotations

from collections.abc import Sequence

RULE = '"g * exp(sign(g) * sign(m))"'
EXAMPLES: dict[tuple[str, ...], Sequence[str]] = {
    ("run",): (
        "harness run --searcher rl",
        "harness run --searcher tpe --children 100 --seeds 0-9 --data cifar10",
        "harness run --searcher my_module:MySearcher --protocol toy-quadratic",
    ),
    ("race",): (
        "harness race --searchers rl,gp,random --children 50 --seeds 0-9",
        "harness race --searchers gp,random --set gp.population=50",
        "harness race --cluster tcp://ADDRESS:8786",
    ),
    ("confirm",): (
        "harness confirm --top 3 --seeds 100-109",
        "harness confirm --finals --seeds 100-119",
        f"harness confirm --rule {RULE} --protocol paper",
    ),
    ("transfer",): (
        "harness transfer --rules adam,torch:AdamW,top:5 --workloads wrn,lm",
        'harness transfer --rules "adam,torch:SGD(momentum=0.9,nesterov=True)" --workloads lm --data lm=ptb --full',
        "harness transfer --rules adam,sgd,top:20 --workloads wrn --full --funnel 10,30,100,300",
    ),
    ("learn", "optimizer"): (
        "harness learn optimizer --problems quadratic --to mine.safetensors",
        "harness learn optimizer --problems mnist --preset deepmind --seed 1 --to mnist-1.safetensors",
    ),
    ("learn", "searcher"): (
        "harness learn searcher --dimensions 2 --to mine.safetensors",
        "harness learn searcher --dimensions 1-6 --cell dnc --device cuda --to learned",
        "harness learn searcher --dimensions 3 --loss ei --parallel 5 --to learned",
    ),
    ("learn", "compare"): (
        "harness learn compare --problems quadratic --candidates lstm,sgd,nag,rmsprop,adam,powersign,addsign",
        "harness learn compare --problems mnist,mnist/relu --candidates lstm,adam,top:3 --data mnist=auto",
        "harness learn compare --problems quadratic --candidates adam,torch:AdamW --count 1000 --format csv",
    ),
    ("blackbox",): (
        "harness blackbox --problems gp/1,gp/2,branin --entrants random,cmaes --count 1000",
        "harness blackbox --problems gp/6 --entrants \"random,rnn(cell='dnc'),tpe\" --count 2000 --count tpe=100",
        "harness blackbox --problems gp/2 --entrants random,cmaes --workers-simulated 5",
    ),
    ("runs",): ("harness runs", "harness runs --results elsewhere"),
    ("leaderboard",): (
        "harness leaderboard --watch",
        "harness leaderboard --rules",
        "harness leaderboard --transfer",
        "harness leaderboard --format csv > board.csv",
    ),
    ("report",): ("harness report", "harness report --to race.html --board 1"),
    ("export",): ("harness export --to my-results", "harness export --format csv --to tables"),
    ("import",): ("harness import my-results --results elsewhere",),
    ("table", "build"): (
        "harness table build signs",
        "harness table build broad signs --replicates 0 --workers 2",
    ),
    ("table", "pack"): ("harness table pack signs", "harness table pack broad signs --to ."),
    ("table", "info"): ("harness table info signs", "harness table info signs --format json"),
    ("table", "check"): ("harness table check broad", "harness table check signs --retrain 10"),
    ("table", "truth"): ("harness table truth signs", "harness table truth broad signs --device cuda"),
    ("ls",): (
        "harness ls searchers",
        "harness ls searchers rl",
        "harness ls protocols quick",
        "harness ls functions hartmann6",
    ),
    ("conformance",): (
        "harness conformance my_module:MySearcher",
        "harness conformance --task toy-quadratic",
        "harness conformance --box-optimizer gp-true --set lengthscale=0.2",
    ),
    ("rule", "show"): (f"harness rule show {RULE}", "harness rule show adam --format latex"),
    ("rule", "score"): (
        "harness rule score powersign --data synthetic",
        "harness rule score adam --protocol toy-quadratic --format json",
    ),
    ("rule", "export"): (
        "harness rule export powersign --to powersign.py",
        f"harness rule export {RULE} --format svg --to rule.svg",
    ),
    ("space", "show"): ("harness space show --blocks 2", "harness space show --space arxiv2 --unary clips"),
    ("space", "count"): ("harness space count --operands g,m --unary id,exp",),
}


def examples(path: tuple[str, ...]) -> Sequence[str]:
    """Return the examples of a command, given its words; for a group, the first example of each command in it."""
    return EXAMPLES.get(path) or [each[0] for words, each in EXAMPLES.items() if path and words[:-1] == path]
