/** What stands in place of a secret. */
const REDACTED = '[redacted]';

/**
 * Names of settings whose value is a secret: `etcdPassword`, `ETCD_PASSWORD`, `client-key-data`, `k8sAPIToken`. Tried
 * from the start of a word only, so that long words cost no more than their length.
 */
const SECRET_NAME = String.raw`(?<![\w.-])[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|private[_-]?key|key-data|api[_-]?key|etcdKey)(?![\w]*File)\b`;

const RULES: readonly (readonly [RegExp, string])[] = [
  // PEM, also with its line breaks escaped in JSON.
  [/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/g, `-----BEGIN $1-----${REDACTED}-----END $1-----`],
  // "password": "x" and password: 'x' and PASSWORD="x"
  [
    new RegExp(String.raw`(["']?${SECRET_NAME}["']?\s*[:=]\s*)(["'])(?:\\.|(?!\2)[^\\\n])*\2`, 'gi'),
    `$1$2${REDACTED}$2`,
  ],
  // A line `password: some words` of YAML
  [new RegExp(String.raw`^([ \t]*(?:- )?${SECRET_NAME}:[ \t]+)(?!["'{\[|>])\S.*$`, 'gim'), `$1${REDACTED}`],
  // password: x and PASSWORD=x, to the end of the word
  [
    new RegExp(String.raw`(${SECRET_NAME}["']?\s*[:=]\s*)(?!["'{\[|>]|${escape(REDACTED)})[^\s,;}\]\u0000]+`, 'gi'),
    `$1${REDACTED}`,
  ],
  // BIRD: password "x";
  [/(\bpassword\s+)"[^"\n]*"/gi, `$1"${REDACTED}"`],
  // --password x
  [/(--?(?:password|token|secret)[ =])(?!\[)\S+/gi, `$1${REDACTED}`],
  [/(\bBearer\s+)[\w.~+/-]+=*/g, `$1${REDACTED}`],
  // https://user:password@host
  [/((?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/[^\s:@/]+:)[^\s@/]+(?=@)/gi, `$1${REDACTED}`],
];

function escape(text: string): string {
  return text.replaceAll(/[[\]]/g, '\\$&');
}

/** Text without the passwords, tokens and private keys that can be told from what stands around them. */
export function redact(text: string): string {
  return RULES.reduce((redacted, [pattern, replacement]) => redacted.replace(pattern, replacement), text);
}
