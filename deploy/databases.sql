-- Beside the service's own; executed once, when PostgreSQL's volume is empty.
CREATE DATABASE mlflow;
CREATE DATABASE prefect;
