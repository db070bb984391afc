"""``python -m theorycheck.bench --gpu-check``: every check that needs a GPU, in one command.

`modes` says what is trained. `balls` and `trajectories` enclose what any correct engine may
compute; `checks` compares, with what trains beside it in `company` and with what goes along in
`options`; `resources` measures, `stand_ins` take the place of what only a GPU has, and `report`
runs each check in a process of its own and writes down what came out.
"""
