"""How far two raters agree, over many ratings: numbers, categories, confidences.

Pure, standard library only: it runs in a small function. Every statistic is a function of pairs and
returns None where it is not defined; ``report`` puts the reasons beside the numbers.
"""
