"""What wakes a person, or rolls a candidate back: alarms by name, each on few metrics, each with a runbook.

make       the one way an alarm is made
periods    how long theirs are, as often as monitoring looks
runbooks   the page every alarm's text links to; without its heading there is no template
endpoint   errors and latency as SageMaker counts them
answers    what callers got
traffic    how much is asked
look_ups   online features as Predict found them
looks      what each look of the monitoring machine published
failures   what was not done: dead letters, functions, machines
page       those of all these that need a person now
"""
