//! [`Change`]: one step from a [`State`] to the next, so that what a session did in its transaction can be done again on the state that
//! others have left by the time of its COMMIT.

use super::{Membership, Role, Setting, State};

/// A change.
#[derive(Clone, Debug)]
pub enum Change {
    /// A role is made or altered.
    Put(Role),
    /// A role gets another name.
    Rename(String, String),
    /// A role goes, with its memberships and settings.
    Drop(String),
    /// Somebody becomes a member.
    Grant(Membership),
    /// Somebody is a member no longer, or no longer with ADMIN OPTION.
    Revoke {
        /// The role.
        role: String,
        /// The member.
        member: String,
        /// Whether only the option goes.
        option_only: bool,
    },
    /// A setting is made, or goes where it has no value.
    Set {
        /// The role, none for all.
        role: Option<String>,
        /// The database, none for all.
        database: Option<String>,
        /// The setting, none for all of them.
        name: Option<String>,
        /// Its value.
        value: Option<String>,
    },
    /// A comment is made, or goes where there is no text.
    Comment(&'static str, String, Option<String>),
    /// A database gets an owner.
    Owner(String, String),
    /// A database goes, with what is said of it.
    Forget(String),
}

impl State {
    /// Takes a step.
    pub fn apply(&mut self, change: &Change) {
        self.generation += 1;
        match change {
            Change::Put(role) => {
                self.roles.insert(role.name.clone(), role.clone());
            }
            Change::Rename(from, to) => self.rename(from, to),
            Change::Drop(name) => {
                self.roles.remove(name);
                self.memberships.retain(|membership| membership.role != *name && membership.member != *name);
                self.settings.retain(|setting| setting.role.as_ref() != Some(name));
                self.comments.retain(|(kind, of, _)| kind != "role" || of != name);
            }
            Change::Grant(membership) => {
                match self.memberships.iter_mut().find(|known| known.role == membership.role && known.member == membership.member) {
                    Some(known) => known.admin |= membership.admin,
                    None => self.memberships.push(membership.clone()),
                }
            }
            Change::Revoke { role, member, option_only: true } => {
                let known = self.memberships.iter_mut().filter(|known| known.role == *role && known.member == *member);
                known.for_each(|known| known.admin = false);
            }
            Change::Revoke { role, member, option_only: false } => {
                self.memberships.retain(|known| known.role != *role || known.member != *member);
            }
            Change::Set { role, database, name, value } => {
                let same = |setting: &Setting| {
                    setting.role == *role && setting.database == *database && name.as_ref().is_none_or(|name| setting.name == *name)
                };
                self.settings.retain(|setting| !same(setting));
                if let (Some(name), Some(value)) = (name, value) {
                    let (role, database) = (role.clone(), database.clone());
                    self.settings.push(Setting { role, database, name: name.clone(), value: value.clone() });
                }
            }
            Change::Comment(kind, name, text) => {
                self.comments.retain(|(known, of, _)| known != kind || of != name);
                self.comments.extend(text.iter().map(|text| ((*kind).to_owned(), name.clone(), text.clone())));
            }
            Change::Owner(database, role) => {
                self.owners.insert(database.clone(), role.clone());
            }
            Change::Forget(database) => {
                self.owners.remove(database);
                self.settings.retain(|setting| setting.database.as_ref() != Some(database));
                self.comments.retain(|(kind, of, _)| kind != "database" || of != database);
            }
        }
    }

    fn rename(&mut self, from: &str, to: &str) {
        if let Some(role) = self.roles.remove(from) {
            self.roles.insert(to.to_owned(), Role { name: to.to_owned(), ..role });
        }
        let follow = |name: &mut String| {
            if name == from {
                *name = to.to_owned();
            }
        };
        for membership in &mut self.memberships {
            [&mut membership.role, &mut membership.member, &mut membership.grantor].into_iter().for_each(follow);
        }
        self.settings.iter_mut().filter_map(|setting| setting.role.as_mut()).for_each(follow);
        self.owners.values_mut().for_each(follow);
        self.comments.iter_mut().filter(|(kind, ..)| kind == "role").for_each(|(_, of, _)| follow(of));
    }
}
