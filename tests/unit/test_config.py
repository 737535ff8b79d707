import dataclasses
import json
import re
import typing
from pathlib import Path

import pytest

from tidegate.errors import ConfigError
from tidegate.settings.config import PipelineConfig

CHECKOUT = Path(__file__).parents[2]
FLIGHTS = CHECKOUT / "examples" / "flights" / "pipeline.toml"


@pytest.fixture
def edited(tmp_path):
    """The example's file with pieces of text replaced."""

    def edit(*replacements):
        text = FLIGHTS.read_text()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new, 1)
        file = tmp_path / "pipeline.toml"
        file.write_text(text)
        return file

    return edit


def line_of(text):
    return next(number for number, line in enumerate(FLIGHTS.read_text().splitlines(), 1) if text in line)


def test_an_environment_overrides_single_keys_and_keeps_the_rest():
    dev = PipelineConfig.from_toml(FLIGHTS, "dev")
    prod = PipelineConfig.from_toml(FLIGHTS, "prod")
    assert (dev.monitoring.schedule, prod.monitoring.schedule) == ("rate(1 minute)", "rate(1 hour)")
    assert dev.monitoring.psi_threshold == prod.monitoring.psi_threshold == 0.25
    assert (dev.gate.approval, prod.gate.approval) == ("automatic", "manual")


def test_survives_the_way_through_json():
    config = PipelineConfig.from_toml(FLIGHTS, "dev")
    assert PipelineConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_an_unknown_key_is_named_with_its_line_and_the_key_that_was_meant(edited):
    with pytest.raises(ConfigError) as raised:
        PipelineConfig.from_toml(edited(("gap_hours", "gap_hour")), "dev")
    assert f"line {line_of('gap_hours')}: unknown key `training.gap_hour`, did you mean `gap_hours`?" in str(
        raised.value
    )


def test_all_mistakes_are_told_at_once(edited):
    file = edited(
        ("folds = 3", 'folds = "three"'), ("alpha = 0.01", "alpha = 2"), ("seed = 2013", "seed = true")
    )
    with pytest.raises(ConfigError, match="has 3 mistakes"):
        PipelineConfig.from_toml(file, "dev")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("folds = 3", 'folds = "three"', "`training.folds` is 'three', must be a whole number"),
        ("seed = 2013", "seed = true", "`training.seed` is True, must be a whole number"),
        ("alpha = 0.01", "alpha = 2", "`deployment.alpha` is 2, must be at most 0.5"),
        ('task = "binary"', 'task = "ranking"', "`training.task` is 'ranking', must be one of binary"),
        (
            'task = "binary"',
            'task = "regression"',
            "for task regression it is one of neg_mean_absolute_error",
        ),
        (
            'metric = "roc_auc"',
            'metric = "roc auc"',
            "`training.metric` is 'roc auc'; for task binary it is one of",
        ),
        (
            'task = "binary"\n',
            'task = "regression"\nsplit = "stratified"\n',
            "`training.split` stratified deals classes, and a regression has none",
        ),
        (
            "maximum = 3\n",
            "maximum = 3\nminimum = 2\n",
            "must have `minimum` <= `serving.instances` <= `maximum`",
        ),
        (
            "maximum = 3\n",
            'schedule = [{ name = "night", at = "cron(0 22 * * ? *)", minimum = 1, maximum = 1 }]\n',
            "`serving.scaling.schedule` needs `serving.scaling.maximum`",
        ),
        (
            "maximum = 3\n",
            'maximum = 3\nschedule = [{ name = "night", at = "at ten", minimum = 1, maximum = 1 }]\n',
            "`serving.scaling.schedule.0` has 'at ten'",
        ),
        (
            "maximum = 3\n",
            'maximum = 3\nschedule = [{ name = "night", at = "rate(1 day)", minimum = 2, maximum = 1 }]\n',
            "`serving.scaling.schedule.0` has a minimum above its maximum",
        ),
        ("minimum = 0.03", "minimum = 3.0", "search of `learning_rate`: needs `minimum` < `maximum`"),
        (
            "weight = 1.00, bake_seconds = 2",
            "weight = 0.9, bake_seconds = 2",
            "rising weights that end at 1.0",
        ),
        ("max_iter = 40", "learning_rate = 0.1", "`learning_rate` is both fixed and searched"),
        ('estimator = "sklearn', 'estimators = "sklearn', "`training.estimator` is missing"),
        ('auth = "iam"', 'auth = "jwt"', "give `jwt_issuer` and `jwt_audience`"),
        ('strategy = "Bayesian"', 'strategy = "Grid"', "a Grid search takes choices only"),
        (
            "[gate]",
            "[gate.costs]\nfalse_positive = 1\nfalse_negative = 2\ntrue_positive = 3\n[gate]",
            "a wrong decision must cost more than the right one in its place",
        ),
        (
            "[gate]",
            '[gate.fairness]\nsensitive = "origin"\n[gate]',
            "`gate.fairness` needs `demographic_parity` or `equalized_odds`",
        ),
        ("[gate]", '[gate]\nslices = ["dest", "dest"]', "`gate.slices` names `dest` twice"),
        ("[gate]", '[gate]\nlinear = "hope"', "`gate.linear` is 'hope', must be one of refuse, warn"),
        ('strategy = "Bayesian"', 'strategy = "Genetic"', "must be one of Bayesian, Random, Grid, Hyperband"),
        ('schedule = "rate(1 minute)"', 'schedule = "hourly"', "must be rate(...) or cron(...)"),
        ("folds = 3", 'folds = 3\nsplit = "random"', "must be one of time, group, group-time, stratified"),
        ("folds = 3", 'folds = 3\nsplit = "group-time"', "name the column in `training.group`"),
        (
            "folds = 3",
            'folds = 3\ngroup = "carrier"',
            "`training.group` is not used by `training.split` time",
        ),
        (
            "folds = 3",
            'folds = 3\ntrusted = [{ column = "hour", reason = " " }]',
            "`hour` is trusted without a `reason`",
        ),
        (
            "folds = 3",
            'folds = 3\ntrusted = [{ column = "a", reason = "r" }, { column = "a", reason = "s" }]',
            "`a` is trusted twice",
        ),
        (
            "folds = 3",
            'folds = 3\ntrusted = [{ column = "a", why = "r" }]',
            "unknown key `training.trusted.0.why`",
        ),
        (
            "[gate]",
            '[tracking]\nuri = "sqlite:///runs.db"\n\n[gate]',
            "must be http(s)://... or the ARN of an MLflow App",
        ),
        ('name = "flights"', 'name = "My Flights"', "must be 1-20 of a-z, 0-9 and -"),
    ],
)
def test_a_mistake_has_its_sentence(edited, old, new, sentence):
    with pytest.raises(ConfigError) as raised:
        PipelineConfig.from_toml(edited((old, new)), "dev")
    assert sentence in str(raised.value)


BAND = 'hyperband = { resource = "max_leaf", minimum = 4, maximum = 40, step = 4 }\n'


@pytest.mark.parametrize(
    ("edit", "at", "sentence"),
    [
        pytest.param(
            ('"Bayesian"', '"Hyperband"'),
            "[training.tuning]",
            "a Hyperband search needs `training.tuning.hyperband`",
            id="hyperband without a resource",
        ),
        pytest.param(
            ('strategy = "Bayesian"', f'{BAND}early_stopping = "Auto"\nstrategy = "Hyperband"'),
            "strategy = ",  # the line of early_stopping once the band stands before it
            "`early_stopping` must be Off",
            id="hyperband and early stopping",
        ),
        pytest.param(
            ('strategy = "Bayesian"', f'{BAND}strategy = "Random"'),
            "strategy = ",
            "`training.tuning.hyperband` is not used by a Random search",
            id="a resource without hyperband",
        ),
        pytest.param(
            ('strategy = "Bayesian"', BAND.replace("max_leaf", "max_iter") + 'strategy = "Hyperband"'),
            "strategy = ",
            "`max_iter` grows under Hyperband: do not fix or search it",
            id="a resource that is fixed",
        ),
        pytest.param(
            ('strategy = "Bayesian"', BAND.replace("= 40", "= 42") + 'strategy = "Hyperband"'),
            "strategy = ",
            "must be multiples of `step` 4",
            id="steps that miss the maximum",
        ),
        pytest.param(
            ('strategy = "Bayesian"', BAND.replace("= 40", "= 4") + 'strategy = "Hyperband"'),
            "strategy = ",
            "`training.tuning.hyperband` needs `minimum` < `maximum`",
            id="nothing to grow",
        ),
        pytest.param(
            ("trials = 6", "trials = 751"), "trials = 6", "above 750 is for a Random search", id="trials"
        ),
        pytest.param(
            ("trials = 6", 'early_stopping = "Sometimes"'),
            "trials = 6",
            "must be one of Off, Auto",
            id="early stopping",
        ),
        pytest.param(
            ('strategy = "Bayesian"', 'warm_start = 1\nstrategy = "Random"'),
            "strategy = ",
            "a Random search learns nothing from a warm start",
            id="warm start of a random search",
        ),
        pytest.param(
            ("trials = 6", "warm_start = 5\ntrials = 100"),
            "trials = 6",
            "has 600 trials with this one's, SageMaker takes 500",
            id="warm start of too many trials",
        ),
        pytest.param(
            ("trials = 6", "not_improving = 2"), "trials = 6", "must be at least 3", id="too little patience"
        ),
        pytest.param(
            ("trials = 6", "maximum_runtime_seconds = 60"), "trials = 6", "must be at least 120", id="time"
        ),
        pytest.param(
            ("max_leaf_nodes = {", "purpose = {"), "max_leaf_nodes = {", "a name of the job's own", id="name"
        ),
        pytest.param(
            ('"int", minimum = 8,', '"int", minimum = 8.5,'),
            "max_leaf_nodes = {",
            "search of `max_leaf_nodes`: an int needs bounds that are whole numbers",
            id="bounds of an int",
        ),
        pytest.param(
            ("minimum = 8, maximum = 48", 'minimum = 0, maximum = 48, scale = "log"'),
            "max_leaf_nodes = {",
            "a log scale needs `minimum` > 0",
            id="a logarithm of 0",
        ),
        pytest.param(
            ("minimum = 8, maximum = 48", 'minimum = 0, maximum = 48, scale = "reverse-log"'),
            "max_leaf_nodes = {",
            "a reverse-log scale needs a float and 0 <= `minimum`, `maximum` < 1",
            id="a reverse logarithm",
        ),
        pytest.param(
            ("minimum = 8, maximum = 48", "minimum = 8, maximum = inf"),
            "max_leaf_nodes = {",
            "needs bounds that are finite",
            id="infinity",
        ),
        pytest.param(
            ("minimum = 8, maximum = 48", "minimum = 8, maximum = 48, choices = [8]"),
            "max_leaf_nodes = {",
            "a number has no `choices`",
            id="choices of a number",
        ),
        pytest.param(
            ('"int", minimum = 8, maximum = 48', '"choice", minimum = 8, choices = [8]'),
            "max_leaf_nodes = {",
            "a choice has no `minimum`, `maximum` or `scale`",
            id="bounds of a choice",
        ),
        pytest.param(
            ('"int", minimum = 8, maximum = 48', '"choice", choices = ["8", 8]'),
            "max_leaf_nodes = {",
            "`choices` names one twice",
            id="a choice twice",
        ),
        pytest.param(
            ('"int", minimum = 8, maximum = 48', f'"choice", choices = {list(range(31))}'),
            "max_leaf_nodes = {",
            "has 31 `choices`, SageMaker takes 30",
            id="31 choices",
        ),
        pytest.param(
            ('"int", minimum = 8, maximum = 48', '"choice", choices = [[8]]'),
            "max_leaf_nodes = {",
            "`training.tuning.space.max_leaf_nodes.choices.0` is [8], must be text, a number",
            id="a choice that is a list",
        ),
    ],
)
def test_a_search_that_sagemaker_would_refuse_is_refused_with_its_line(edited, edit, at, sentence):
    with pytest.raises(ConfigError) as raised:
        PipelineConfig.from_toml(edited(edit), "dev")
    problem = next(each for each in raised.value.cause.split("; ") if sentence in each)
    assert int(problem.split(":")[0].removeprefix("line ")) - line_of(at) in (0, 1)


def test_a_grid_of_more_points_than_sagemaker_takes_is_refused(edited):
    choices = f'{{ type = "choice", choices = {list(range(30))} }}'
    text = FLIGHTS.read_text()
    lines = [line for line in text.splitlines() if line.startswith(("learning_rate", "max_leaf", "min_samp"))]
    names = [line.split(" = ")[0] for line in lines]
    swaps = [(line, f"{name} = {choices}") for line, name in zip(lines, names, strict=True)]
    with pytest.raises(ConfigError, match="the grid has 27000 points, SageMaker takes 750"):
        PipelineConfig.from_toml(edited(('"Bayesian"', '"Grid"'), *swaps), "dev")


def test_more_parameters_than_sagemaker_takes_are_refused(edited):
    more = "\n".join(f'p{n} = {{ type = "float", minimum = 0, maximum = 1 }}' for n in range(28))
    with pytest.raises(ConfigError, match="31 parameters are searched, SageMaker takes 30"):
        PipelineConfig.from_toml(edited(("[gate]", f"{more}\n\n[gate]")), "dev")


def test_a_hyperband_search_of_the_example_is_a_sound_one(edited):
    file = edited(
        ("max_iter = 40\n", ""),
        ('"Bayesian"', '"Hyperband"'),
        ("trials = 6", BAND.replace("max_leaf", "max_iter").strip()),
    )
    band = PipelineConfig.from_toml(file, "dev").training.tuning.hyperband
    assert (band.resource, band.minimum, band.maximum, band.step) == ("max_iter", 4, 40, 4)


def test_an_environment_that_is_not_there_names_those_that_are():
    with pytest.raises(ConfigError) as raised:
        PipelineConfig.from_toml(FLIGHTS, "staging")
    assert raised.value.cause == "it has dev, prod"


def test_a_file_that_is_not_toml_says_where(edited):
    with pytest.raises(ConfigError, match="is not TOML"):
        PipelineConfig.from_toml(edited(("[gate]", "[gate")), "dev")


def keys(table, prefix=""):
    hints = typing.get_type_hints(table)
    for field in dataclasses.fields(table):
        tables = typing.get_args(hints[field.name])[:1] if not prefix else ()  # an array of tables
        if section := next(filter(dataclasses.is_dataclass, (hints[field.name], *tables)), None):
            yield from keys(section, f"{prefix}{field.name}.")
        elif field.name != "environment":
            yield f"{prefix}{field.name}"


def test_every_key_is_documented_and_no_other():
    table = (CHECKOUT / "docs" / "reference" / "pipeline-toml.md").read_text()
    documented = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}
    assert documented == set(keys(PipelineConfig))


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            "[gate.costs]\nfalse_positive = 1\nfalse_negative = 2",
            "`gate.costs` is about decisions between two",
        ),
        (
            '[gate.fairness]\nsensitive = "origin"\nequalized_odds = 0.1',
            "`gate.fairness` is about decisions between two",
        ),
        (None, "`training.calibration` needs task binary"),
    ],
)
def test_what_is_about_two_classes_needs_the_binary_task(edited, asked, sentence):
    changes = [
        ('task = "binary"', 'task = "multiclass"'),
        ('metric = "roc_auc"', 'metric = "neg_log_loss"' + ("" if asked else '\ncalibration = "auto"')),
    ]
    if asked:
        changes.append(("[gate]", f"{asked}\n[gate]"))
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        PipelineConfig.from_toml(edited(*changes), "dev")
