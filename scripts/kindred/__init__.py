"""Kindred: how alike are image classifiers, and does adversarial robustness make them alike?

Nothing is imported here on purpose: a figure must not pay for torch.
"""
