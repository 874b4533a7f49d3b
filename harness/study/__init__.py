"""User studies: packets for participants, their answers, and what they say (the paper's Table V)."""
