"""Images made elsewhere, inside a comparison: how their files are named, what is there, and the cell made of them."""
