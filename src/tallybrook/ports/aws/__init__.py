"""What all AWS backends share: clients, tables as data, DynamoDB's paging, batches and errors."""
