"""The application: one module per stage, the commands, MLflow tracking. Holds no mathematics."""
