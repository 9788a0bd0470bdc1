"""GraphQL: records and their counts in the shape that Amplify and AppSync give such an API."""
