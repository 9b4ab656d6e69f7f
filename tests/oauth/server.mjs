// A certified authorization server (oidc-provider) on a free port of 127.0.0.1, for tests. When it is ready it prints one line
// of JSON, {issuer, clients, accounts}; it ends when its standard input does.
//
//     /token /auth /device/auth /device /me /introspection /token/revocation   as /.well-known/openid-configuration says
//     /interaction/UID                 login (form: prompt=login, login, password) and consent (prompt=consent)
//     /interaction/UID/abort           consent refused
//     /api/...                         a protected resource: what the token is, or 401 (RFC 6750, RFC 9449)
//     GET /_rig/log                    what was asked, in order; DELETE forgets it
//     POST /_rig/interval {seconds}    between polls of the device flow; faster ones are told slow_down
//     POST /_rig/expire {token}        the device code or token is as if its time were over
//     POST /_rig/lifetime {seconds}    of access tokens from now on

import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose';
import { Provider } from 'oidc-provider';

import { DEVICE_CODE, JWT_BEARER, makeClients, PASSWORD, TOKEN_EXCHANGE } from './clients.mjs';
import { ACCOUNTS, register } from './grants.mjs';

// What oidc-provider warns of on a loopback of plain http is meant here.
for (const level of ['info', 'warn', 'log']) console[level] = () => {};

const rig = { interval: 1, lifetime: 3600, log: [], polls: new Map(), apiNonce: randomBytes(16).toString('hex') };
const { metadata, told } = makeClients();

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: metadata,
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
  cookies: { keys: [randomBytes(16).toString('hex')] },
  claims: { openid: ['sub'], profile: ['name'] },
  scopes: ['openid', 'offline_access', 'profile', 'read', 'write'],
  enabledJWA: {
    clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'],
    dPoPSigningAlgValues: ['ES256'],
  },
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, indicator) => ({ scope: 'read write', audience: indicator, accessTokenFormat: 'opaque' }),
    },
  },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, name: `the account ${id}` }) }),
  issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  expiresWithSession: () => false,
  pkce: { required: () => true },
  rotateRefreshToken: true, // one that is used again revokes all that came of its grant
  ttl: {
    AccessToken: () => rig.lifetime,
    ClientCredentials: () => rig.lifetime,
    AuthorizationCode: 60,
    DeviceCode: 300,
    Grant: 86400,
    IdToken: 3600,
    Interaction: 600,
    RefreshToken: 86400,
    Session: 86400,
  },
});
register(provider);

/** Write down each request as oidc-provider understood it; keep polls of the device flow apart by the interval. */
provider.use(async (ctx, next) => {
  const entry = { at: Date.now() / 1000, method: ctx.method, path: ctx.path };
  rig.log.push(entry);
  await next();
  const { params, client } = ctx.oidc ?? {};
  entry.status = ctx.status;
  entry.client = client?.clientId;
  entry.auth = ctx.get('authorization').split(' ')[0] || undefined;
  entry.dpop = Boolean(ctx.get('dpop'));
  entry.grant_type = params?.grant_type;
  entry.resource = params?.resource;
  entry.audience = params?.audience;
  entry.scope = params?.scope;
  entry.error = ctx.body?.error;
  entry.description = ctx.body?.error_description;
  if (ctx.path === '/device/auth' && ctx.status === 200) ctx.body.interval = rig.interval;
  if (params?.grant_type !== DEVICE_CODE) return;
  const { at: last, wait } = rig.polls.get(params.device_code) ?? { wait: rig.interval };
  const early = last !== undefined && entry.at - last < wait;
  rig.polls.set(params.device_code, { at: entry.at, wait: early ? wait + 5 : wait });
  if (early && ctx.body?.error === 'authorization_pending') {
    ctx.body = { error: 'slow_down' }; // RFC 8628, 3.5: and five seconds more from now on
    entry.error = 'slow_down';
  }
});

async function read(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return pieces.length ? JSON.parse(Buffer.concat(pieces)) : {};
}

function send(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** The protected resource: the token is looked up in the server's own store; a bound one needs its proof (RFC 9449, 4.3). */
async function resource(request, response, url) {
  const entry = { at: Date.now() / 1000, method: request.method, path: url.pathname, dpop: Boolean(request.headers.dpop) };
  rig.log.push(entry);
  const refuse = (scheme, error, more = {}) => {
    Object.assign(entry, { status: 401, error });
    send(response, 401, { error }, { 'www-authenticate': `${scheme} error="${error}"`, ...more });
  };
  const [scheme, value = ''] = (request.headers.authorization ?? '').split(' ');
  entry.auth = scheme || undefined;
  const token = (await provider.AccessToken.find(value)) ?? (await provider.ClientCredentials.find(value));
  if (!token?.isValid) return refuse('Bearer', 'invalid_token');
  if (token.grantId && !(await provider.Grant.find(token.grantId))) return refuse('Bearer', 'invalid_token');
  if (scheme !== token.tokenType) return refuse(token.tokenType, 'invalid_token');
  if (token.jkt) {
    const nonce = { 'dpop-nonce': rig.apiNonce };
    try {
      const { payload, protectedHeader } = await jwtVerify(request.headers.dpop ?? '', EmbeddedJWK, {
        typ: 'dpop+jwt',
        algorithms: ['ES256'],
      });
      if (payload.nonce !== rig.apiNonce) return refuse('DPoP', 'use_dpop_nonce', nonce);
      const bound = (await calculateJwkThumbprint(protectedHeader.jwk)) === token.jkt;
      const hash = createHash('sha256').update(value).digest('base64url');
      const here = payload.htm === request.method && payload.htu === `${issuer}${url.pathname}` && payload.ath === hash;
      const unique = await provider.ReplayDetection.unique(token.clientId, payload.jti, Date.now() / 1000 + 300);
      if (!bound || !here || !unique) return refuse('DPoP', 'invalid_dpop_proof');
    } catch {
      return refuse('DPoP', 'invalid_dpop_proof');
    }
  }
  entry.status = 200;
  return send(response, 200, {
    sub: token.accountId,
    client_id: token.clientId,
    aud: token.aud,
    scope: token.scope,
    token_type: token.tokenType,
    gty: token.gty,
    ...token.extra,
  });
}

const CONTROLS = {
  interval: ({ seconds }) => { rig.interval = seconds; },
  lifetime: ({ seconds }) => { rig.lifetime = seconds; },
  expire: async ({ token }) => {
    for (const kind of ['DeviceCode', 'AccessToken', 'RefreshToken', 'ClientCredentials']) {
      const found = await provider[kind].find(token);
      if (found) {
        found.exp = Math.floor(Date.now() / 1000) - 1;
        await found.adapter.upsert(found.jti, { ...(await found.getValueAndPayload()).payload, exp: found.exp }, 600);
      }
    }
  },
  'new-nonce': () => { rig.apiNonce = randomBytes(16).toString('hex'); },
};

async function control(request, response, name) {
  if (name === 'log') {
    if (request.method === 'DELETE') rig.log.length = 0;
    return send(response, 200, rig.log);
  }
  const action = CONTROLS[name];
  if (!action) return send(response, 404, { error: 'no such control' });
  await action(await read(request));
  return send(response, 200, {});
}

const oauth = provider.callback();
server.on('request', (request, response) => {
  const url = new URL(request.url, issuer);
  const [, first, second] = url.pathname.split('/');
  const failed = (error) => send(response, 500, { error: String(error?.stack ?? error) });
  if (first === '_rig') control(request, response, second).catch(failed);
  else if (first === 'api') resource(request, response, url).catch(failed);
  else if (url.pathname === '/.well-known/oauth-authorization-server') {
    request.url = '/.well-known/openid-configuration'; // the same document by its other name (RFC 8414, 5)
    oauth(request, response);
  } else oauth(request, response);
});

process.stdin.on('end', () => process.exit(0)).on('error', () => process.exit(0)).resume();
const grants = { PASSWORD, JWT_BEARER, TOKEN_EXCHANGE, DEVICE_CODE };
process.stdout.write(`${JSON.stringify({ issuer, clients: told, accounts: ACCOUNTS, grants })}\n`);
