"""Distributed Map: a failed item counts against the tolerance instead of becoming a silent null.

Differs from AWS in one thing: a tolerance of zero beside one that is not zero counts as not given.
"""

import json
from collections.abc import Mapping
from typing import Any

from moto.stepfunctions.parser.api import (
    HistoryEventType,
    MapRunFailedEventDetails,
)
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.job import Job, JobPool
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError

from localcloud import _moto_seams, cloud
from localcloud.stepfunctions import clients
from localcloud.stepfunctions.shapes import json_safe, timestamp

_MAP = "moto.stepfunctions.parser.asl.component.state.exec.state_map"
MOST_CHILDREN = 64  # at a time; AWS allows 10,000, a laptop's threads do not


def install() -> None:
    iteration = f"{_MAP}.iteration"
    _moto_seams.replace(
        f"{iteration}.itemprocessor.distributed_item_processor_worker",
        "DistributedItemProcessorWorker._eval_job",
        _run_item,
    )
    _moto_seams.replace(
        f"{iteration}.distributed_iteration_component", "DistributedIterationComponent._map_run", _map_run
    )
    _moto_seams.replace(
        f"{_MAP}.item_reader.eval.resource_eval_s3",
        "ResourceEvalS3._handle_list_objects_v2",
        staticmethod(_list_objects),
    )


def _map_run(self: Any, env: Environment, eval_input: Any) -> None:
    items = env.stack.pop()
    record = eval_input.map_run_record
    pool = JobPool(job_program=self._get_iteration_program(), job_inputs=items)
    for _ in range(min(len(items), record.max_concurrency or MOST_CHILDREN, MOST_CHILDREN)):
        self._launch_worker(env=env, eval_input=eval_input, job_pool=pool)
    if items:
        pool.await_jobs()
    if error := pool.get_worker_exception():
        raise error
    env.stack.append([closed.job_output for closed in pool.get_closed_jobs()])


def _run_item(self: Any, env: Environment, job: Job) -> None:
    """One child execution. Its output, or the description of its failure, or the failure of the whole run."""
    record = self._map_run_record
    counters = (record.item_counter, record.execution_counter)
    for counter in counters:
        counter.total.count()
        counter.running.count()
    started = timestamp(cloud.current().clock.now())
    error = _evaluate(self, env, job)
    for counter in counters:
        counter.running.offset(-1)
        (counter.succeeded if error is None else counter.failed).count()
    if error is None:
        job.job_output = env.states.get_input()
    elif _intolerable(record, self._job_pool._jobs_number):
        job.job_output = _run_failed(env)
    else:
        job.job_output = _description(env, job, started, error)


def _evaluate(worker: Any, env: Environment, job: Job) -> Mapping[str, str] | None:
    """Run the item's program; its error and cause, or None when it succeeded."""
    env.states.context_object.context_object_data["Map"] = {
        "Item": {"Index": job.job_index, "Value": job.job_input}
    }
    env.states.reset(job.job_input)
    env.stack.append(env.states.get_input())
    try:
        worker._eval_input(env_frame=env)
        job.job_program.eval(env)
    except FailureEventException as failure:
        return failure.get_execution_failed_event_details() or {}
    state = env.program_state()
    if isinstance(state, ProgramEnded):
        return None
    return (state.error or {}) if isinstance(state, ProgramError) else {"error": "States.Timeout"}


def _intolerable(record: Any, total: int) -> bool:
    failed = record.item_counter.failed.get()
    count, percentage = record.tolerated_failure_count, record.tolerated_failure_percentage
    if not count and not percentage:
        return True
    return bool((count and failed > count) or (percentage and 100 * failed > percentage * total))


def _run_failed(env: Environment) -> FailureEventException:
    name = StatesErrorName(StatesErrorNameType.StatesExceedToleratedFailureThreshold)
    cause = "The specified tolerated failure threshold was exceeded"
    details = MapRunFailedEventDetails(error=name.error_name, cause=cause)
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.MapRunFailed,
            event_details=EventDetails(mapRunFailedEventDetails=details),
        )
    )


def _description(env: Environment, job: Job, started: str, error: Mapping[str, str]) -> dict[str, Any]:
    """A failed child in the Map's result: AWS returns its execution there, not an output."""
    context = env.states.context_object.context_object_data
    name = f"{context['Execution']['Name']}-{job.job_index}"
    return {
        "ExecutionArn": f"{context['Execution']['Id']}-{job.job_index}",
        "Input": json.dumps(job.job_input, separators=(",", ":")),
        "InputDetails": {"Included": True},
        "Name": name,
        "StartDate": started,
        "StateMachineArn": context["StateMachine"]["Id"],
        "Status": "FAILED",
        "StopDate": timestamp(cloud.current().clock.now()),
        "Error": error.get("error", ""),
        "Cause": error.get("cause", ""),
    }


def _list_objects(env: Environment, resource_runtime_part: Any, state_credentials: Any) -> None:
    """The listObjectsV2 item reader: every page, none for an empty prefix, LastModified in epoch seconds."""
    client = clients.client_for(
        region=resource_runtime_part.region, service="s3", state_credentials=state_credentials
    )
    pages = client.get_paginator("list_objects_v2").paginate(**env.stack.pop())
    found = [item for page in pages for item in page.get("Contents", [])]
    env.stack.append(
        [json_safe({**item, "LastModified": int(item["LastModified"].timestamp())}) for item in found]
    )
