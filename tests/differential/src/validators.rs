//! Validators with keys, and updates that they seal.

use alloy::primitives::{Address, B256, U256, keccak256};
use causeway_bft_evm::{Mode, Seal, Update, compose::seal};
use secp256k1::{Message, SECP256K1, SecretKey};

/// A validator.
#[derive(Clone, Debug)]
pub struct Validator {
    key: SecretKey,
    /// Its address.
    pub address: Address,
}

impl Validator {
    /// The validator of a number.
    ///
    /// # Panics
    /// Never: a hash is a key.
    pub fn new(number: u64) -> Self {
        let key = SecretKey::from_byte_array(keccak256(number.to_be_bytes()).0).expect("a key");
        let public = key.public_key(SECP256K1).serialize_uncompressed();
        Self { key, address: Address::from_slice(&keccak256(&public[1..])[12..]) }
    }

    /// Its seal over a digest.
    pub fn seal(&self, digest: B256) -> Seal {
        let signature = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(digest.0), &self.key);
        let (id, r_s) = signature.serialize_compact();
        seal(&r_s, i32::from(id) as u8)
    }
}

/// Validators `from..from + count`, in the order of their addresses.
pub fn set(from: u64, count: u64) -> Vec<Validator> {
    let mut set: Vec<Validator> = (from..from + count).map(Validator::new).collect();
    set.sort_by_key(|validator| validator.address);
    set
}

/// Addresses of a set.
pub fn addresses(set: &[Validator]) -> Vec<Address> {
    set.iter().map(|validator| validator.address).collect()
}

/// What commit seals sign: the header without seals or, for IBFT 1, its hash and the code of COMMIT.
pub fn digest(mode: Mode, header: &[u8]) -> B256 {
    let hash = keccak256(header);
    match mode {
        Mode::Qbft | Mode::Ibft2 => hash,
        Mode::Ibft1 => keccak256([hash.as_slice(), &[2]].concat()),
    }
}

/// An update in parts, which a test may change before it is put together.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The header without seals, whatever its bytes are.
    pub header: Vec<u8>,
    /// The set in force, if brought along.
    pub previous: Option<Vec<Address>>,
    /// Bit i is place i of the header's list.
    pub signers: U256,
    /// A seal a bit.
    pub seals: Vec<Seal>,
}

impl Parts {
    /// `header`, sealed by the validators at `places` of the set.
    pub fn sealed(mode: Mode, header: Vec<u8>, set: &[Validator], places: &[usize]) -> Self {
        let digest = digest(mode, &header);
        let mut signers = U256::ZERO;
        let mut sorted = places.to_vec();
        sorted.sort_unstable();
        for place in &sorted {
            signers.set_bit(*place, true);
        }
        let seals = sorted.iter().map(|place| set[*place].seal(digest)).collect();
        Self { header, previous: None, signers, seals }
    }

    /// The bytes.
    ///
    /// # Panics
    /// A part is longer than the format can say.
    pub fn encode(&self) -> Vec<u8> {
        let previous: Option<Vec<u8>> =
            self.previous.as_ref().map(|set| set.iter().flat_map(|validator| validator.0.0).collect());
        Update {
            header: &self.header,
            previous: previous.as_deref(),
            next_set: None,
            signers: self.signers,
            seals: &self.seals.concat(),
        }
        .encode()
        .expect("short")
    }
}
