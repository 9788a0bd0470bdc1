"""Talking to a GraphQL API of the AppSync and Amplify kind."""
