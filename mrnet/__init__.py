"""MR-Net (Xu et al., IEEE TIP 2020): network, losses, pose maps, checkpoints. Imports nothing else of this project."""
