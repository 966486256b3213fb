//! Devices by hand: a key pair, a registration, an authorization, a revocation.
//! Enters: nothing. Leaves: the devices and their standing, on standard output.

use std::error::Error;

use peergres_sync::{SyncManager, crypto};

fn main() -> Result<(), Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let manager = SyncManager::new(home.path())?;
    manager.initialize_device("office")?;
    let key = crypto::generate_keypair()?;
    let id = "6f1e7c2a-52a1-4d53-9e0b-0c8d1c4b5a11".parse()?;
    let devices = manager.devices();
    let phone = devices.register_device(id, "phone", &crypto::export_public_key(&key), Some("100.64.0.7"))?;
    println!("{} registered, fingerprint {}, authorized: {}", phone.device_name, phone.fingerprint, phone.is_authorized);
    devices.authorize_device(id)?;
    for device in devices.get_authorized_devices()? {
        println!("{} takes part{}", device.device_name, if device.is_self { " (this device)" } else { "" });
    }
    let revoked = devices.revoke_device(id)?;
    println!("{} is revoked: {}", revoked.device_name, revoked.is_revoked);
    assert!(devices.get_authorized_devices()?.iter().all(|device| device.is_self));
    Ok(())
}
