"""Monitoring: what windows of captured traffic say of the inputs, the predictions and their quality.

capture               captured requests and answers, one line a record
captured_predictions  one prediction with its inference id, kept until its label comes
captured_vectors      sampled vectors with what they were made of
ground_truth          outcomes told later, joined by inference id
quality               realised quality with its interval
quality_report        quality by window, slice and model
estimated             quality estimated while labels lack, and the licence to do so
skew                  vectors as served beside the same vectors rebuilt
monitor_files         statistics, constraints and violations in Model Monitor's schema
monitor_checks        a window held against constraints
schedules             how soon after a look the next may come
spans                 a span of time and the periods it is counted in
operations            requests, errors, latency and fallbacks of a span
ages                  how old the model and its features are
"""
