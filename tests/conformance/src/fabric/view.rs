//! Interoperation views (Weaver): an answer that peers endorsed. The file brings no root of their organisations, so what
//! can be judged is that each endorser's key signed the answer.

use base64::{Engine, prelude::BASE64_STANDARD};
use causeway_crypto::{
    HighS,
    p256::{Native, Portable, VerifyP256},
};
use causeway_fabric::{
    identity,
    transaction::{Answer, Endorsement},
    wire::Reader,
    x509::Certificate,
};
use serde_json::Value;

use crate::cases::{File, Judged, ensure, same};

/// Judges every `…view64` of a file.
pub(super) fn view(file: &File<'_>) -> Judged {
    let views: Vec<(&String, &str)> = file
        .value
        .as_object()?
        .iter()
        .filter(|(name, _)| name.ends_with("view64"))
        .filter_map(|(name, value)| Some((name, value.as_str()?)))
        .collect();
    if views.is_empty() || file.value.get("view64").is_none_or(Value::is_null) {
        return None;
    }
    Some(views.into_iter().map(|(name, base64)| (name.clone(), judge(base64).into())).collect())
}

fn judge(base64: &str) -> Result<(), String> {
    let view = BASE64_STANDARD.decode(base64).map_err(|error| error.to_string())?;
    let endorsed = endorsed_answers(&view).map_err(|fault| fault.to_string())?;
    ensure(!endorsed.is_empty(), || "no endorsement".into())?;
    for (answer, endorsement) in &endorsed {
        Answer::decode(answer).map_err(|fault| fault.to_string())?;
        let endorsement = Endorsement::decode(endorsement).map_err(|fault| fault.to_string())?;
        let (_, pem) = identity::read(endorsement.endorser).map_err(|fault| fault.to_string())?;
        let certificate = Certificate::from_pem(pem).map_err(|fault| fault.to_string())?;
        let message = endorsement.message(answer);
        let native = Native::verify_der(certificate.key(), &message, endorsement.signature, HighS::Refuse);
        same(
            "portable",
            native,
            Portable::verify_der(certificate.key(), &message, endorsement.signature, HighS::Refuse),
        )?;
        native.map_err(|fault| fault.to_string())?;
    }
    Ok(())
}

/// An answer and `protos.Endorsement`.
type Endorsed<'a> = (&'a [u8], &'a [u8]);

/// `View { meta = 1, data = 2 }`, whose data holds `FabricPayload { response = 1, endorsements = 2 }` in field 1.
fn endorsed_answers(view: &[u8]) -> Result<Vec<Endorsed<'_>>, causeway_fabric::WireFault> {
    let mut reader = Reader::new("View", view);
    reader.part(1)?;
    let data = reader.required(2)?;
    reader.end()?;
    let mut reader = Reader::new("FabricView", data);
    let payloads = reader.parts(1, 16)?;
    reader.end()?;
    let mut out = Vec::new();
    for payload in payloads {
        let mut reader = Reader::new("EndorsedProposalResponse", payload);
        let answer = reader.required(1)?;
        let endorsements = reader.parts(2, 16)?;
        reader.end()?;
        out.extend(endorsements.into_iter().map(|endorsement| (answer, endorsement)));
    }
    Ok(out)
}
