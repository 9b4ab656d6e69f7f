// Grants that oidc-provider leaves to its users: password (RFC 6749, 4.3), jwt-bearer (RFC 7523, 2.1) and token exchange
// (RFC 8693). Each verifies what it is given: the password, the signature and its claims, the token in the server's store.

import { createLocalJWKSet, jwtVerify } from 'jose';
import { errors } from 'oidc-provider';

import { JWT_BEARER, PASSWORD, TOKEN_EXCHANGE } from './clients.mjs';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const REFRESH_TOKEN = 'urn:ietf:params:oauth:token-type:refresh_token';
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token';

export const ACCOUNTS = { ada: 'made-up: 100% +& größer', grace: 'made-up-too' };

/** Tokens for `accountId`; a refresh token when the client may have one and `lasting` is set. */
async function give(provider, ctx, accountId, gty, { lasting = false, extra, audience } = {}) {
  const { client, params } = ctx.oidc;
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  const scope = params.scope || 'openid';
  const resources = [params.resource ?? []].flat();
  if (resources.length > 1) throw new errors.InvalidTarget('one resource at a time');
  grant.addOIDCScope(scope);
  const token = new provider.AccessToken({ accountId, client, gty, scope, extra, grantId: await grant.save() });
  if (resources.length || audience) token.setAudience(resources[0] ?? audience);
  ctx.oidc.entity('AccessToken', token);
  const body = { access_token: await token.save(), expires_in: token.expiration, token_type: token.tokenType, scope };
  if (lasting && client.grantTypeAllowed('refresh_token')) {
    const refresh = new provider.RefreshToken({ accountId, client, gty, scope, grantId: token.grantId, rotations: 0 });
    ctx.oidc.entity('RefreshToken', refresh);
    body.refresh_token = await refresh.save();
  }
  return body;
}

async function password(provider, ctx) {
  const { username, password: given } = ctx.oidc.params;
  if (!Object.hasOwn(ACCOUNTS, username ?? '') || ACCOUNTS[username] !== given) {
    throw new errors.InvalidGrant('the username or the password is wrong');
  }
  ctx.body = await give(provider, ctx, username, 'password', { lasting: true });
}

async function jwtBearer(provider, ctx) {
  const { client, params } = ctx.oidc;
  if (!client.jwks) throw new errors.InvalidClient('the client has registered no key');
  let payload;
  try {
    ({ payload } = await jwtVerify(params.assertion ?? '', createLocalJWKSet(client.jwks), {
      issuer: client.clientId,
      audience: [provider.issuer, `${provider.issuer}/token`],
      requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat', 'jti'],
      maxTokenAge: '10 minutes',
      clockTolerance: 5,
    }));
  } catch (error) {
    throw new errors.InvalidGrant(`the assertion is not accepted: ${error.message}`);
  }
  if (!(await provider.ReplayDetection.unique(payload.iss, payload.jti, payload.exp))) {
    throw new errors.InvalidGrant('the assertion has been used');
  }
  ctx.body = await give(provider, ctx, payload.sub, 'jwt-bearer');
}

/** The stored token that was given; only a live one counts. */
async function stored(provider, token, type) {
  const kind = { [ACCESS_TOKEN]: provider.AccessToken, [REFRESH_TOKEN]: provider.RefreshToken }[type];
  if (!kind) throw new errors.InvalidRequest('unknown token type');
  const found = (await kind.find(token ?? '')) ?? (kind === provider.AccessToken ? await provider.ClientCredentials.find(token ?? '') : undefined);
  if (!found?.isValid) throw new errors.InvalidGrant('the subject or actor token is not a live token of this server');
  return found;
}

async function tokenExchange(provider, ctx) {
  const { params } = ctx.oidc;
  for (const name of ['subject_token', 'subject_token_type']) {
    if (!params[name]) throw new errors.InvalidRequest(`missing required parameter '${name}'`);
  }
  if (Boolean(params.actor_token) !== Boolean(params.actor_token_type)) {
    throw new errors.InvalidRequest('actor_token and actor_token_type come together');
  }
  const wanted = params.requested_token_type ?? ACCESS_TOKEN;
  if (wanted === ID_TOKEN || ![ACCESS_TOKEN, REFRESH_TOKEN].includes(wanted)) {
    throw new errors.InvalidRequest('the requested token type is not given out');
  }
  const subject = await stored(provider, params.subject_token, params.subject_token_type);
  const extra = {};
  if (params.actor_token) {
    const actor = await stored(provider, params.actor_token, params.actor_token_type);
    extra.act = { sub: actor.accountId ?? actor.clientId };
  }
  const body = await give(provider, ctx, subject.accountId ?? subject.clientId, 'token-exchange', {
    extra,
    audience: [params.audience ?? []].flat()[0],
    lasting: wanted === REFRESH_TOKEN,
  });
  ctx.body = { ...body, issued_token_type: wanted };
}

export function register(provider) {
  const common = ['scope', 'resource', 'audience'];
  const several = ['resource', 'audience'];
  const bound = (handler) => (ctx) => handler(provider, ctx);
  provider.registerGrantType(PASSWORD, bound(password), [...common, 'username', 'password'], several);
  provider.registerGrantType(JWT_BEARER, bound(jwtBearer), [...common, 'assertion'], several);
  provider.registerGrantType(
    TOKEN_EXCHANGE,
    bound(tokenExchange),
    [...common, 'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type'],
    several,
  );
}
