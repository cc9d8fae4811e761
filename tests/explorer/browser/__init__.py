"""Tests of the page in a browser. (A package, so that their conftest is not taken for that of all tests.)"""
