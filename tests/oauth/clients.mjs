// The clients that the server knows: one for each way of authentication, and a few with habits of their own.
// Each client is told in full, its private key too, in the line that the server prints when it is ready.

import { generateKeyPairSync, randomBytes } from 'node:crypto';

export const PASSWORD = 'password';
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code';

// Every printable character that form encoding, Basic or a shell could trip over (RFC 6749, A.2: visible ASCII and blanks).
const ODD = 'p:%+ &=/?#"\'\\~';

const made = () => `made-up-${randomBytes(12).toString('hex')}`;

function keyPair(algorithm) {
  const kinds = {
    RS256: ['rsa', { modulusLength: 2048 }],
    PS256: ['rsa', { modulusLength: 2048 }],
    ES256: ['ec', { namedCurve: 'P-256' }],
    ES384: ['ec', { namedCurve: 'P-384' }],
    EdDSA: ['ed25519', {}],
  };
  return generateKeyPairSync(...kinds[algorithm]);
}

function client(name, method, more = {}) {
  const confidential = method !== 'none';
  const { id = `client-${name}`, secret = made(), algorithm, grants, ...rest } = more;
  const metadata = {
    client_id: id,
    client_name: name,
    application_type: 'native', // RFC 8252, 7.3: any port of a loopback redirect
    redirect_uris: ['http://127.0.0.1/callback'],
    response_types: ['code'],
    grant_types: grants ?? [
      'authorization_code',
      'refresh_token',
      DEVICE_CODE,
      PASSWORD,
      TOKEN_EXCHANGE,
      ...(confidential ? ['client_credentials', JWT_BEARER] : []),
    ],
    token_endpoint_auth_method: method,
    ...rest,
  };
  const told = { client_id: id, method };
  if (method.startsWith('client_secret')) {
    metadata.client_secret = secret;
    told.client_secret = secret;
  }
  if (algorithm) {
    const { publicKey, privateKey } = keyPair(algorithm);
    const key = { ...publicKey.export({ format: 'jwk' }), kid: `key-of-${name}`, use: 'sig', alg: algorithm };
    metadata.jwks = { keys: [key] };
    if (method === 'private_key_jwt') metadata.token_endpoint_auth_signing_alg = algorithm;
    told.algorithm = algorithm;
    told.key_id = key.kid;
    told.private_key = privateKey.export({ format: 'pem', type: 'pkcs8' });
  }
  return [metadata, told];
}

/** The metadata of each client by name, and what a test is told of it. */
export function makeClients() {
  const all = {
    basic: client('basic', 'client_secret_basic'),
    odd: client('odd', 'client_secret_basic', { id: `id ${ODD}`, secret: `secret ${ODD}` }),
    post: client('post', 'client_secret_post'),
    'odd-post': client('odd-post', 'client_secret_post', { id: `post id ${ODD}`, secret: `post secret ${ODD}` }),
    public: client('public', 'none'),
    // Signs its assertions with a key that the server knows, though it authenticates with a secret.
    signer: client('signer', 'client_secret_basic', { algorithm: 'RS256' }),
    dpop: client('dpop', 'client_secret_basic', { dpop_bound_access_tokens: true }),
    'public-dpop': client('public-dpop', 'none', { dpop_bound_access_tokens: true }),
    // Is told another interval between polls than the others: see the server's `interval`.
    slow: client('slow', 'none', { grants: [DEVICE_CODE, 'refresh_token'] }),
  };
  for (const algorithm of ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA']) {
    all[algorithm.toLowerCase()] = client(algorithm.toLowerCase(), 'private_key_jwt', { algorithm });
  }
  return {
    metadata: Object.values(all).map(([metadata]) => metadata),
    told: Object.fromEntries(Object.entries(all).map(([name, [, told]]) => [name, told])),
  };
}
