"""The training job: cross-validate one configuration; for the chosen one, make the model too.

A trial (`purpose` = trial) prints its score and ends: tuning reads the last match of the metric's line. Rows
with a leak fail the job before anything is fitted.
"""

from tidegate.plan import Plan
from tidegate.training.metrics import named
from training_jobs.cross_validation import Learner
from training_jobs.paths import PIPELINE, Paths
from training_jobs.training_data import TrainingData
from training_jobs.trial import Trial, tell


def main(paths: Paths) -> None:
    plan = Plan.load(PIPELINE)
    given = paths.hyperparameters()
    data = TrainingData.read(plan, paths)
    training = plan.config.training
    learner = Learner(training, data.rows.task, named(training.metric, PIPELINE))
    if given.get("purpose") != "final":
        labels, sides = data.rows.labels, data.sides
        Trial(learner=learner, given=given, columns=data.columns, labels=labels, sides=sides).run(
            paths.checkpoints
        )
        return
    from training_jobs import final_model  # a trial, of which there are many, need not wait for it

    scores = final_model.train(plan, learner, given, data, paths)
    tell(scores)  # last, so that a job that fails while packing has no score
