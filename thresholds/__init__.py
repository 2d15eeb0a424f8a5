"""The domain of Anomaly Detection Thresholds: values, files, windows and their evaluation.

Everything here is pure: no input or output, no clock, no logging. Time comes in as an argument.
"""
