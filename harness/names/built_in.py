"""The names of our own searchers, tasks, data, protocols and candidates, which ``harness.registry`` loads."""

from __future__ import annotations

from harness.names.kinds import Kind, Registered

BUILT_IN: dict[Kind, dict[str, Registered]] = {
    Kind.SEARCHER: {
        "random": Registered(
            "harness.searchers.random_search:RandomSearch",
            "uniform random search, the baseline every other searcher is measured against",
            "Bergstra and Bengio 2012",
        ),
        "random-plain": Registered(
            "harness.searchers.random_plain:RandomPlain",
            "random search that leaves out half of the unary functions, a preference that the learners have too",
            "ours",
        ),
        "exhaustive": Registered(
            "harness.searchers.exhaustive:Exhaustive",
            "every distinct function of a small space once, in a stable order",
            "ours, protocol §5",
        ),
        "rl": Registered(
            "harness.searchers.rl.agent:ReinforcementLearning",
            "an LSTM controller after Neural Optimizer Search; the presets icml2017 and arxiv2 are the papers' own",
            "[NOS] §3.2, protocol §4",
        ),
        "gp": Registered(
            "harness.searchers.gp:GeneticProgramming",
            "typed expression trees under crossover and mutation",
            "Koza 1992; DEAP, Fortin et al. 2012",
        ),
        "evolution": Registered(
            "harness.searchers.evolution:RegularizedEvolution",
            "regularized evolution: mutates and crosses tournament winners; the oldest die first",
            "Real et al. 2019",
        ),
        "hill-climbing": Registered(
            "harness.searchers.hill_climbing:HillClimbing",
            "changes of one token of the best rule, with a fresh start where nothing improves it",
            "Mitchell et al. 1993",
        ),
        "tpe": Registered(
            "harness.searchers.tpe:TreeParzen",
            "tree-structured Parzen estimator over conditional categorical choices",
            "Bergstra et al. 2011; Optuna, Akiba et al. 2019",
        ),
        "box-random": Registered(
            "harness.searchers.box.rules:BoxRandom",
            "uniform points of a box that are read as rules: what the encoding of the box optimizers costs",
            "[L2L-BB], protocol §9",
        ),
        "box-cmaes": Registered(
            "harness.searchers.box.rules:BoxCmaEs",
            "CMA-ES over the points of a box that are read as rules",
            "Hansen and Ostermeier 2001; Optuna, Akiba et al. 2019",
        ),
        "rnn": Registered(
            "harness.searchers.box.rnn_rules:BoxRnn",
            "a network that learned to minimize functions, over the points of a box that are read as rules",
            "[L2L-BB], protocol §9",
        ),
        "box-gp": Registered(
            "harness.searchers.box.rules:BoxGp",
            "a Gaussian process over the points of a box that are read as rules, and its expected improvement",
            "Jones et al. 1998, protocol §9",
        ),
        "rl+gp": Registered(
            "harness.searchers.rl_gp:ControllerSeededGP",
            "genetic programming seeded by the controller, which learns from its elites",
            "Mundhenk et al. 2021",
        ),
    },
    Kind.TASK: {
        "child": Registered(
            "harness.tasks.child.scoring:ChildTask", "the two-convolution child on images", "[NOS] §4.2, protocol §2"
        ),
        "toy-quadratic": Registered(
            "harness.tasks.toy:QuadraticTask", "noisy quadratics of mixed conditioning", "[L2L] §3.1"
        ),
        "toy-rosenbrock": Registered(
            "harness.tasks.toy:RosenbrockTask", "noisy Rosenbrock functions of two to ten dimensions", "protocol §5"
        ),
        "toy-classifier": Registered(
            "harness.tasks.toy:ClassifierTask", "a one-hidden-layer network on a generated data set", "this project"
        ),
        "table": Registered(
            "harness.tasks.table.lookup:TableTask",
            "outcomes of every function of a small space, trained beforehand and looked up",
            "protocol §5; Ying et al. 2019 did it for architectures",
        ),
        "rosenbrock": Registered(
            "harness.tasks.transfer.functions.rosenbrock:RosenbrockTask",
            "Rosenbrock's function of two variables, without noise",
            "[NOS] §5, protocol §7; Rosenbrock 1960",
        ),
        "convnet": Registered(
            "harness.tasks.transfer.images.convnet:ConvnetTask",
            "the child's network, trained for longer and on more images",
            "[NOS] §5, protocol §7",
        ),
        "wrn": Registered(
            "harness.tasks.transfer.images.wide_resnet:WideResnetTask",
            "a Wide ResNet on images, with flips and crops",
            "[NOS] §5, protocol §7; Zagoruyko and Komodakis 2016",
        ),
        "imagenet": Registered(
            "harness.tasks.transfer.images.nasnet:NasnetTask",
            "NASNet-A on pictures, cropped and mirrored at random",
            "[NOS] §5, protocol §7; Zoph et al. 2018",
        ),
        "lm": Registered(
            "harness.tasks.transfer.text.lm:LanguageTask",
            "a word-level language model: LSTM layers with tied weights and variational dropout",
            "protocol §7; Zaremba et al. 2014",
        ),
        "nmt": Registered(
            "harness.tasks.transfer.text.nmt:TranslationTask",
            "translation by GNMT, an LSTM encoder and decoder with attention",
            "[NOS] §5, protocol §7; Wu et al. 2016",
        ),
    },
    Kind.DATA: {
        "auto": Registered(
            "harness.tasks.data.auto:load",
            "the real data that the protocol's task reads, if it is found or can be downloaded, else the stand-in",
            "",
            "images",
        ),
        "cifar10": Registered(
            "harness.tasks.data.cifar10:load",
            "CIFAR-10, from torchvision or an image folder",
            "Krizhevsky 2009",
            "images",
        ),
        "synthetic": Registered(
            "harness.tasks.data.synthetic:load",
            "the generated stand-in with CIFAR-10's shapes: no download",
            "this project",
            "images",
        ),
        "synthetic-50k": Registered(
            "harness.tasks.data.synthetic:load_large",
            "the same stand-in with as many images as CIFAR-10, for workloads at the paper's size",
            "this project",
            "images",
        ),
        "mnist": Registered(
            "harness.tasks.data.digits.mnist:load",
            "MNIST, handwritten digits, from torchvision or its four files",
            "LeCun et al. 1998",
            "digits",
        ),
        "synthetic-digits": Registered(
            "harness.tasks.data.digits.generated:load",
            "the stand-in for MNIST: generated digits of its shape",
            "this project",
            "digits",
        ),
        "imagenet": Registered(
            "harness.tasks.data.pictures.imagenet:load",
            "ImageNet, or pictures like it, from folders train/<class>/* and val/<class>/*",
            "Deng et al. 2009",
            "pictures",
        ),
        "synthetic-pictures": Registered(
            "harness.tasks.data.pictures.generated:load",
            "the stand-in for ImageNet: generated pictures of 96×96 pixels in ten classes",
            "this project",
            "pictures",
        ),
        "ptb": Registered(
            "harness.tasks.data.text.ptb:load",
            "Penn Treebank's text with 10,000 words, from ptb.{train,valid,test}.txt",
            "Marcus et al. 1993; Mikolov et al. 2010",
            "tokens",
        ),
        "synthetic-tokens": Registered(
            "harness.tasks.data.text.grammar:load",
            "the stand-in for Penn Treebank: text that a grammar generates",
            "this project",
            "tokens",
        ),
        "multi30k": Registered(
            "harness.tasks.data.text.parallel:multi30k",
            "Multi30k: captions of pictures in two languages, from two text files for each part",
            "Elliott et al. 2016",
            "pairs",
        ),
        "wmt14": Registered(
            "harness.tasks.data.text.parallel:wmt14",
            "WMT14: news in two languages, from two text files for each part",
            "Bojar et al. 2014",
            "pairs",
        ),
        "parallel": Registered(
            "harness.tasks.data.text.parallel:parallel",
            "any parallel text: train.<language>, val.<language> and test.<language> in two languages",
            "",
            "pairs",
        ),
        "synthetic-pairs": Registered(
            "harness.tasks.data.text.language_pair:load",
            "the stand-in for parallel text: two made-up languages",
            "this project",
            "pairs",
        ),
        "neural-art": Registered(
            "harness.tasks.data.art.folder:load",
            "pictures of content and style with a frozen network, from content/*, style/* and network.npz",
            "Gatys et al. 2015",
            "art",
        ),
        "synthetic-art": Registered(
            "harness.tasks.data.art.generated:load",
            "the stand-in for neural art: generated pictures and a network of random filters",
            "this project",
            "art",
        ),
    },
    Kind.PROTOCOL: {
        "paper": Registered("harness.tasks.child.protocols:NAMED_PAPER"),
        "quick": Registered("harness.tasks.child.protocols:NAMED_QUICK"),
        "quick-halving": Registered("harness.tasks.child.protocols:NAMED_QUICK_HALVING"),
        "quick-bf16": Registered("harness.tasks.child.protocols:NAMED_QUICK_BF16"),
        "paper-bf16": Registered("harness.tasks.child.protocols:NAMED_PAPER_BF16"),
        "toy-quadratic": Registered("harness.tasks.toy.protocols:NAMED_TOY_QUADRATIC"),
        "toy-rosenbrock": Registered("harness.tasks.toy.protocols:NAMED_TOY_ROSENBROCK"),
        "toy-classifier": Registered("harness.tasks.toy.protocols:NAMED_TOY_CLASSIFIER"),
        "table-broad": Registered("harness.tasks.table.protocols:NAMED_TABLE_BROAD"),
        "table-signs": Registered("harness.tasks.table.protocols:NAMED_TABLE_SIGNS"),
        "table-adaptive": Registered("harness.tasks.table.protocols:NAMED_TABLE_ADAPTIVE"),
        "rosenbrock": Registered("harness.tasks.transfer.functions.protocols:NAMED_ROSENBROCK"),
        "convnet-300": Registered("harness.tasks.transfer.images.protocols:NAMED_CONVNET_300"),
        "convnet-300-mini": Registered("harness.tasks.transfer.images.protocols:NAMED_CONVNET_300_MINI"),
        "wrn": Registered("harness.tasks.transfer.images.protocols:NAMED_WRN"),
        "wrn-mini": Registered("harness.tasks.transfer.images.protocols:NAMED_WRN_MINI"),
        "imagenet": Registered("harness.tasks.transfer.images.protocols:NAMED_IMAGENET"),
        "imagenet-mini": Registered("harness.tasks.transfer.images.protocols:NAMED_IMAGENET_MINI"),
        "lm": Registered("harness.tasks.transfer.text.protocols:NAMED_LM"),
        "lm-mini": Registered("harness.tasks.transfer.text.protocols:NAMED_LM_MINI"),
        "nmt": Registered("harness.tasks.transfer.text.protocols:NAMED_NMT"),
        "nmt-mini": Registered("harness.tasks.transfer.text.protocols:NAMED_NMT_MINI"),
    },
    Kind.CANDIDATE: {
        "torch": Registered(
            "harness.tasks.optimizer.torch_optimizers:torch_optimizer",
            "an optimizer of torch.optim, such as torch:AdamW(weight_decay=0.01), with the sweep's lr",
            "PyTorch",
        ),
        "nos": Registered(
            "harness.tasks.optimizer.signs:sign_optimizer",
            "PowerSign and AddSign with any constants and decays, such as nos:PowerSign(base=1.5, decay='rd', n=10)",
            "[NOS] §4.4, protocol §6",
        ),
        "learned": Registered(
            "harness.tasks.learned.optimizer:learned_optimizer",
            "an LSTM that writes the updates, such as learned:mnist or learned:file(path='mine.safetensors')",
            "[L2L], protocol §8",
        ),
    },
    Kind.PROBLEM: {
        "quadratic": Registered(
            "harness.tasks.learned.problems.quadratic:Quadratics",
            "random quadratics of ten dimensions",
            "[L2L] §3.1",
        ),
        "mnist": Registered(
            "harness.tasks.learned.problems.mnist:Mnist",
            "a network with one hidden layer of 20 sigmoids, on digits",
            "[L2L] §3.2",
        ),
        "cifar10": Registered(
            "harness.tasks.learned.problems.cifar10:Cifar10",
            "a network of three convolutions with batch norm, on images",
            "[L2L] §3.3",
        ),
        "neural-art": Registered(
            "harness.tasks.learned.problems.art:NeuralArt",
            "pictures of 64×64 pixels, with the content of one picture and the style of another",
            "[L2L] §3.4; Gatys et al. 2015",
        ),
    },
    Kind.BOX_OPTIMIZER: {
        "random": Registered(
            "harness.searchers.box.random_points:RandomPoints",
            "uniform points, the baseline of every other optimizer of the box",
            "Bergstra and Bengio 2012",
        ),
        "gp-true": Registered(
            "harness.searchers.box.true_gp_points:TrueGpPoints",
            "expected improvement under the Gaussian process that learned optimizers are trained on",
            "Jones et al. 1998, protocol §9",
        ),
        "gp": Registered(
            "harness.searchers.box.optuna_points:EstimatedGpPoints",
            "expected improvement under a Gaussian process with an estimated kernel",
            "Optuna, Akiba et al. 2019",
        ),
        "tpe": Registered(
            "harness.searchers.box.optuna_points:ParzenPoints",
            "tree-structured Parzen estimator",
            "Bergstra et al. 2011; Optuna, Akiba et al. 2019",
        ),
        "smac": Registered(
            "harness.searchers.box.smac_points:SmacPoints",
            "expected improvement under a random forest; it needs the extra blackbox",
            "Hutter et al. 2011; SMAC3, Lindauer et al. 2022",
        ),
        "cmaes": Registered(
            "harness.searchers.box.optuna_points:CmaEsPoints",
            "CMA-ES from the middle of the box",
            "Hansen and Ostermeier 2001; Optuna, Akiba et al. 2019",
        ),
        "rnn": Registered(
            "harness.searchers.box.learned.points:RnnPoints",
            "a recurrent network that learned to minimize functions",
            "[L2L-BB], protocol §9",
        ),
    },
    Kind.FUNCTION: {
        "gp": Registered(
            "harness.tasks.blackbox.gaussian_process:GaussianProcess",
            "draws of a Gaussian process over one to six dimensions, as learned optimizers are trained on",
            "[L2L-BB], protocol §9",
        ),
        "branin": Registered(
            "harness.tasks.blackbox.global_functions:Branin",
            "Branin's function of two variables: three valleys that are equally deep",
            "Branin 1972",
        ),
        "goldstein-price": Registered(
            "harness.tasks.blackbox.global_functions:GoldsteinPrice",
            "the logarithm of Goldstein and Price's function of two variables",
            "Goldstein and Price 1971",
        ),
        "hartmann3": Registered(
            "harness.tasks.blackbox.global_functions:Hartmann3",
            "Hartmann's function of three variables: four wells of different depths",
            "Dixon and Szegö 1978",
        ),
        "hartmann6": Registered(
            "harness.tasks.blackbox.global_functions:Hartmann6",
            "Hartmann's function of six variables: four wells of different depths",
            "Dixon and Szegö 1978",
        ),
        "repellers": Registered(
            "harness.tasks.blackbox.repellers:Repellers",
            "two repellers that steer falling particles to where there is reward: six parameters",
            "[L2L-BB]; Hoffman et al. 2009",
        ),
        "svm": Registered(
            "harness.tasks.blackbox.tables.csv_tables:Svm",
            "a support vector machine's error by its hyper-parameters, from svm_on_grid.csv",
            "Snoek et al. 2012; HPOlib, Eggensperger et al. 2013",
        ),
        "lda": Registered(
            "harness.tasks.blackbox.tables.csv_tables:Lda",
            "online LDA's perplexity by its hyper-parameters, from lda_on_grid.csv",
            "Snoek et al. 2012; HPOlib, Eggensperger et al. 2013",
        ),
        "logreg": Registered(
            "harness.tasks.blackbox.tables.csv_tables:LogisticRegression",
            "logistic regression's error by its hyper-parameters, from logreg_on_grid.csv",
            "Snoek et al. 2012; HPOlib, Eggensperger et al. 2013",
        ),
        "nasbench201": Registered(
            "harness.tasks.blackbox.tables.nas:NasBench201",
            "the error of 15,625 convolutional networks by six choices, with the extra blackbox",
            "Dong and Yang 2020",
        ),
        "table-mini": Registered(
            "harness.tasks.blackbox.tables.mini:TableMini",
            "a small generated table of hyper-parameters, for tests and first steps",
            "this project",
        ),
    },
}
