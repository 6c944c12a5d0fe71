"""The REST facade: FHIR's HTTP interactions (spec page http) over an `AsyncStore`, and nothing more.

It turns a request into one call of the store and the result into a response; it holds no storage logic.
`app.create_app` makes the ASGI application, `serve.run` runs it. docs/rest.md says what is answered to what.
"""
