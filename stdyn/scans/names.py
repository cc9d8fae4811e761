"""The names of the quantities of an experiment that vary in scans; nothing is imported, as the shell asks for them."""

TEXTS = ("rule", "activation", "activation_teacher", "inputs")
NUMBERS = {
    "N": "input dimension",
    "eta": "learning rate of the first layer",
    "eta_v": "learning rate of the second layer",
    "sigma": "standard deviation of the label noise",
    "decay": "weight decay of the first layer",
    "decay_v": "weight decay of the second layer",
    "drift": "rate at which the teacher's vectors turn",
    "mixture": "part of v in the backward weights of rule mixed",
    "batch": "examples of a step",
    "q": "squared norm of the student vectors at the start",
    "r": "overlap R_nn of a prepared start",
    "v_scale": "standard deviation of the random v at the start; of a given one, a factor",
    "b_scale": "standard deviation of the random feedback weights; of given ones, a factor",
    "R_scale": "factor on R at the start",
    "Q_scale": "factor on Q at the start",
    "b_angle": "angle in degrees of the feedback weights to v at the start",
    "draw": "seed of the random start: first layer, v and b",
}
