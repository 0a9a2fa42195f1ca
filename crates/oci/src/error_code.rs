//! The codes of error answers. HTTP statuses are the server's affair; codes are what clients match.

use std::fmt;

macro_rules! codes {
    ($($variant:ident = $code:literal, $message:literal;)*) => {
        /// A code of the distribution protocol's error body.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $(#[doc = $message] $variant,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The `code` member of the answer, such as `BLOB_UNKNOWN`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The `message` member when nothing more exact is known.
            #[must_use]
            pub fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }
        }
    };
}

codes! {
    Unknown = "UNKNOWN", "unknown error";
    Unsupported = "UNSUPPORTED", "the operation is unsupported";
    Unauthorized = "UNAUTHORIZED", "authentication required";
    Denied = "DENIED", "requested access to the resource is denied";
    Unavailable = "UNAVAILABLE", "service unavailable";
    TooManyRequests = "TOOMANYREQUESTS", "too many requests";
    DigestInvalid = "DIGEST_INVALID", "provided digest did not match uploaded content";
    SizeInvalid = "SIZE_INVALID", "provided length did not match content length";
    RangeInvalid = "RANGE_INVALID", "invalid content range";
    NameInvalid = "NAME_INVALID", "invalid repository name";
    NameUnknown = "NAME_UNKNOWN", "repository name not known to registry";
    TagInvalid = "TAG_INVALID", "manifest tag did not match URI";
    ManifestInvalid = "MANIFEST_INVALID", "manifest invalid";
    ManifestUnverified = "MANIFEST_UNVERIFIED", "manifest failed signature verification";
    ManifestUnknown = "MANIFEST_UNKNOWN", "manifest unknown";
    ManifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN", "manifest references a manifest or blob unknown to registry";
    BlobUnknown = "BLOB_UNKNOWN", "blob unknown to registry";
    BlobUploadUnknown = "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry";
    BlobUploadInvalid = "BLOB_UPLOAD_INVALID", "blob upload invalid";
    PaginationNumberInvalid = "PAGINATION_NUMBER_INVALID", "invalid number of results requested";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;

    #[test]
    fn every_code_is_upper_snake_and_unique() {
        let mut codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert!(codes.iter().all(|code| code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')));
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
        assert_eq!(codes.len(), 20);
    }
}
