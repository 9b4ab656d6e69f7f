"""OAuth 2.0 (RFC 6749): a provider is declared once, in the environment; its tokens are got, kept and renewed by themselves.

bearer                 a request's access token
presets hosts          what is known of each provider; which hosts that names
provider               a provider ready to be asked
client_authentication  how the client proves itself
assertions             what it signs for that, or as a grant
grants                 what is asked for
authorization_code     consent in a browser; loopback takes the answer
device_code            consent in a browser somewhere else
discovery              what an issuer publishes of itself
dpop                   tokens bound to a key
revocation             a token ended
introspection          what a token is
token_request outside  one request to a token endpoint, and the world that it needs
tokens                 what it answers
fresh                  one token for everybody, never asked for twice
refusals               why there is no token
budget recovery        how often it may be asked; what a process that died had got
watch revocation       keeping it fresh until stopped; giving it up
"""
