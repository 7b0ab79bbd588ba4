/** Signs what a worker puts on the audit log. */
export interface AuditKey {
  /** The first 16 hexadecimal digits of the SHA-256 of the public key (SubjectPublicKeyInfo, DER). */
  readonly id: string;
  /** Ed25519 (RFC 8032) over the text's UTF-8, in base64. */
  sign(text: string): string;
}
