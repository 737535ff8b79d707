"""Pages for people: each one self-contained HTML document that says what was found and why it was judged so.

drop             a delivery (content, data, page, charts, bins, history, words)
evaluation_page  a candidate before its rollout
rollout_page     a candidate beside the champion; without numpy, for a control function writes it
document         what surrounds every page, and pieces of which it is made
"""
