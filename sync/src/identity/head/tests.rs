//! Chains that must be accepted, and each way in which one can be wrong.

use uuid::Uuid;

use super::*;
use crate::{
    clock::{Clock, VersionVector},
    log::{Change, Operation},
};

struct Device {
    id: DeviceId,
    key: DeviceKey,
    chain: Vec<Transaction>,
}

impl Device {
    /// A device whose transactions have that many changes each.
    fn with_chain(number: u128, sizes: &[u64]) -> Device {
        let mut device = Device { id: Uuid::from_u128(number), key: DeviceKey::from_seed(&[number as u8; 32]), chain: Vec::new() };
        for size in sizes {
            device.write(*size);
        }
        device
    }

    fn write(&mut self, size: u64) {
        let (version, hash) = self.end(self.chain.len());
        let change = |version| Change {
            version,
            table_name: "t".to_owned(),
            record_id: version.to_string(),
            operation: Operation::Delete,
            data: None,
            old_data: None,
            resolves: None,
        };
        let mut transaction = Transaction {
            device_id: self.id,
            first_version: version + 1,
            last_version: version + size,
            clock: Clock(version + 1),
            context: VersionVector::default(),
            changes: (version + 1..=version + size).map(change).collect(),
            hash: [0; 32],
        };
        transaction.hash = transaction.computed_hash(&hash);
        self.chain.push(transaction);
    }

    /// Version and hash after so many transactions.
    fn end(&self, count: usize) -> (Version, [u8; 32]) {
        count.checked_sub(1).map_or((0, [0; 32]), |last| (self.chain[last].last_version, self.chain[last].hash))
    }

    fn head(&self, count: usize) -> SignedHead {
        let (version, hash) = self.end(count);
        SignedHead::sign(&self.key, self.id, version, hash)
    }

    fn as_author(&self, held: usize) -> Author {
        let (version, hash) = self.end(held);
        Author { keys: Keys::of(self.key.public()), version, hash, accepted_until: None, standing: 1 }
    }
}

type Outcome = (Vec<Version>, Vec<VerifyError>);

/// What is accepted of a device's part when `held` of its transactions are held.
fn outcome(device: &Device, held: usize, part: &[Transaction], heads: &[SignedHead], change: impl Fn(&mut Author)) -> Outcome {
    let author = |id| {
        let mut author = device.as_author(held);
        change(&mut author);
        (id == device.id).then_some(author)
    };
    let (verified, errors) = verify(part.to_vec(), heads, author, |_| Vec::new());
    (verified.transactions().iter().map(|t| t.last_version).collect(), errors)
}

#[test]
fn a_chain_is_accepted_from_where_it_is_held() {
    let device = Device::with_chain(1, &[1, 3, 2]);
    for held in 0..=3 {
        let expected: Vec<Version> = [1, 4, 6][held..].to_vec();
        assert_eq!(outcome(&device, held, &device.chain, &[device.head(3)], |_| {}), (expected, vec![]), "{held} held");
    }
    let (verified, _) = verify(device.chain.clone(), &[device.head(2), device.head(3)], |_| Some(device.as_author(0)), |_| Vec::new());
    assert_eq!(verified.heads(), [device.head(2), device.head(3)], "every head on the way is kept, to be passed on");
}

#[test]
fn each_way_in_which_a_chain_can_be_wrong_is_named() {
    let device = Device::with_chain(1, &[1, 3, 2]);
    let device_id = device.id;
    let whole = &device.chain;
    let altered = |change: fn(&mut Transaction)| {
        let mut chain = whole.clone();
        change(&mut chain[1]);
        chain
    };
    let head = device.head(3);
    let foreign = SignedHead::sign(&DeviceKey::from_seed(&[9; 32]), device_id, 6, device.end(3).1);
    let other_history = SignedHead::sign(&device.key, device_id, 1, [5; 32]);
    let error = |part: &[Transaction], held: usize, heads: &[SignedHead], until: Option<Version>| {
        let (accepted, errors) = outcome(&device, held, part, heads, |author| author.accepted_until = until);
        assert!(accepted.is_empty());
        errors[0].clone()
    };
    assert_eq!(error(&whole[1..], 0, std::slice::from_ref(&head), None), VerifyError::Gap { device_id, expected: 1, found: 2 });
    for damage in [
        |t: &mut Transaction| t.changes[0].record_id.push('x'),
        |t: &mut Transaction| t.clock = Clock(99),
        |t: &mut Transaction| _ = t.context.0.insert(Uuid::nil(), 1),
        |t: &mut Transaction| t.hash[0] ^= 1,
        |t: &mut Transaction| drop(t.changes.pop()),
    ] {
        assert_eq!(error(&altered(damage), 0, std::slice::from_ref(&head), None), VerifyError::Altered { device_id, version: 2 });
    }
    for heads in [vec![], vec![foreign], vec![device.head(2)]] {
        assert_eq!(error(whole, 0, &heads, None), VerifyError::Unsigned { device_id, version: 6 });
    }
    assert_eq!(error(whole, 1, &[head.clone(), other_history], None), VerifyError::Forked { device_id, version: 1 });
    assert_eq!(error(whole, 2, &[head], Some(4)), VerifyError::Revoked { device_id, until: 4 });
    let until_4 = outcome(&device, 0, whole, &[device.head(2), device.head(3)], |author| author.accepted_until = Some(4));
    assert_eq!(until_4, (vec![1, 4], vec![]), "what came before the revocation");
}

#[test]
fn one_wrong_chain_does_not_stop_the_others_and_a_stranger_can_be_introduced() {
    let (good, bad, newcomer) = (Device::with_chain(1, &[1, 1]), Device::with_chain(2, &[1]), Device::with_chain(3, &[2]));
    let mut damaged = bad.chain.clone();
    damaged[0].changes[0].table_name = "other".to_owned();
    let part = [good.chain.clone(), damaged, newcomer.chain.clone()].concat();
    let heads = [good.head(2), bad.head(1), newcomer.head(1)];
    let author = |id| [&good, &bad].into_iter().find(|d| d.id == id).map(|d| d.as_author(0));
    let (verified, errors) = verify(part.clone(), &heads, author, |_| Vec::new());
    assert_eq!(verified.transactions().len(), 2);
    assert_eq!(errors, [VerifyError::Altered { device_id: bad.id, version: 1 }, VerifyError::UnknownAuthor(newcomer.id)]);
    let introduce = |t: &Transaction| if t.device_id == good.id { vec![(newcomer.id, newcomer.as_author(0))] } else { Vec::new() };
    let (verified, errors) = verify(part, &heads, author, introduce);
    assert_eq!((verified.transactions().len(), errors.len()), (3, 1));
}

#[test]
fn what_was_cut_off_is_accepted_as_soon_as_one_who_holds_it_says_so() {
    let (holder, shut_out) = (Device::with_chain(2, &[1]), Device::with_chain(1, &[1, 2, 1]));
    let part = [shut_out.chain.clone(), holder.chain.clone()].concat();
    let heads = [shut_out.head(1), shut_out.head(2), shut_out.head(3), holder.head(1)];
    let author = |id| match id {
        id if id == holder.id => Some(holder.as_author(0)),
        _ => Some(Author { accepted_until: Some(1), standing: 2, ..shut_out.as_author(1) }),
    };
    let accepted = |standing, until| {
        let told = |t: &Transaction| match t.device_id == holder.id {
            true => vec![(shut_out.id, Author { accepted_until: until, standing, ..shut_out.as_author(0) })],
            false => Vec::new(),
        };
        let (verified, errors) = verify(part.clone(), &heads, author, told);
        (verified.transactions().iter().filter(|t| t.device_id == shut_out.id).count(), errors.len())
    };
    assert_eq!(accepted(2, Some(3)), (1, 0), "another revocation, by one who had accepted more");
    assert_eq!(accepted(3, None), (2, 0), "let in again");
    assert_eq!(accepted(2, Some(0)), (0, 1), "one who had accepted less");
    assert_eq!(accepted(1, None), (0, 1), "an authorization that had not seen the revocation");
}

#[test]
fn a_head_is_text_that_reads_back() {
    let head = Device::with_chain(4, &[2]).head(1);
    assert_eq!(serde_json::from_str::<SignedHead>(&serde_json::to_string(&head).unwrap()).unwrap(), head);
    for bad in ["zz".repeat(32), "00".to_owned(), "é".repeat(32)] {
        let text = format!(r#"{{"device_id":"{}","version":1,"hash":"{bad}","signature":""}}"#, head.device_id);
        assert!(serde_json::from_str::<SignedHead>(&text).is_err(), "{bad}");
    }
}
