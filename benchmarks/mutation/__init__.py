"""Mutation of `compliance/`, as `make mutate`: is every line of the law held by a test?"""
