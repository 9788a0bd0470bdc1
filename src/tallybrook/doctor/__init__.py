"""Is this environment fit to run the product, and if not, what is to be done about it?"""
