"""The OpenAPI document: endpoints, parameters, schemas and examples."""
