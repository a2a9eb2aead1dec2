//! What every account must own at the end, from the transfers alone, and the comparison with the tokens' own balances.

use super::{
    abi::IToken,
    network::Network,
    setup::Bridge,
    transfers::{BILL_ID, FUNDS, PARKED_AMOUNT, Purpose, Transfer, Users},
};
use crate::cli::exit::CliError;
use alloy::primitives::{Address, U256};
use std::collections::HashMap;

/// Chain (0 home, 1 away), token, owner.
type Account = (usize, Address, Address);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Books(HashMap<Account, U256>);

impl Books {
    fn add(&mut self, chain: usize, token: Address, owner: Address, amount: U256) {
        *self.0.entry((chain, token, owner)).or_default() += amount;
    }

    fn take(&mut self, chain: usize, token: Address, owner: Address, amount: U256) {
        let balance = self.0.entry((chain, token, owner)).or_default();
        // A negative balance wraps to a number that no token shows: a difference.
        *balance = balance.wrapping_sub(amount);
    }

    /// What the transfers leave everybody with. `claimed_to` got what was parked.
    pub(super) fn after(bridge: &Bridge, users: &Users, transfers: &[Transfer], claimed_to: Address) -> Self {
        let (credit, bill, freezable) = (&bridge.credit, &bridge.bill, &bridge.freezable);
        let mut books = Self::default();
        for user in &users.alpha {
            books.add(0, credit.home, user.address(), U256::from(FUNDS));
            books.add(0, freezable.home, user.address(), U256::from(FUNDS));
        }
        for Transfer { purpose, sender, recipient, amount, .. } in transfers {
            match purpose {
                Purpose::Erc20There => {
                    books.take(0, credit.home, *sender, *amount);
                    books.add(1, credit.voucher, *recipient, *amount);
                }
                Purpose::Erc20Back => {
                    books.take(1, credit.voucher, *sender, *amount);
                    books.add(0, credit.home, *recipient, *amount);
                }
                // These end where they began; of an ERC-721, a balance is a count.
                Purpose::Late | Purpose::Refused => {}
                Purpose::Erc721There => books.add(1, bill.voucher, *recipient, U256::ONE),
                Purpose::Erc721Back => {
                    books.take(1, bill.voucher, *sender, U256::ONE);
                    books.add(0, bill.home, *recipient, U256::ONE);
                }
                Purpose::Parked => {
                    books.take(0, freezable.home, *sender, U256::from(PARKED_AMOUNT));
                    books.add(0, freezable.home, claimed_to, U256::from(PARKED_AMOUNT));
                }
            }
        }
        for (chain, token) in [(0, credit.home), (1, credit.voucher), (0, freezable.home), (1, freezable.voucher)] {
            // Nobody may have paid the bridge's own contracts at the other end.
            if chain == 1 {
                books.add(chain, token, bridge.ends[1].vault, U256::ZERO);
            }
        }
        books
    }

    /// Accounts whose balances are known from elsewhere: those of the parties of swaps.
    pub(super) fn know(&mut self, balances: Vec<(usize, Address, Address, U256)>) {
        for (chain, token, owner, amount) in balances {
            self.0.insert((chain, token, owner), amount);
        }
    }

    /// Reads every balance, and the owner of the ERC-721, and compares.
    pub(super) async fn differences(
        &self,
        bridge: &Bridge,
        users: &Users,
        chains: [&Network; 2],
    ) -> Result<Vec<String>, CliError> {
        let mut differences = self.compare(chains).await?;
        let owner = chains[0].view(bridge.bill.home, IToken::ownerOfCall { id: U256::from(BILL_ID) }).await?;
        if users.alpha.first().map(|user| user.address()) != Some(owner) {
            differences.push(format!("the ERC-721 belongs to {owner}, not to who sent it there and back"));
        }
        Ok(differences)
    }

    /// Reads every balance and compares.
    pub(super) async fn compare(&self, chains: [&Network; 2]) -> Result<Vec<String>, CliError> {
        let mut differences = Vec::new();
        for (&(chain, token, owner), expected) in &self.0 {
            let network = chains[chain.min(1)];
            let found = network.view(token, IToken::balanceOfCall { owner }).await?;
            if found != *expected {
                differences.push(format!("{owner} on {}: expected {expected} of {token}, found {found}", network.name));
            }
        }
        Ok(differences)
    }
}
